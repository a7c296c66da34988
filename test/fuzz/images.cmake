# SPDX-License-Identifier: Apache-2.0
skep_fuzz(images_packet SOURCES fuzz_images_packet.c LINK images_protocol)
