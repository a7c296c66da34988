# SPDX-License-Identifier: Apache-2.0
skep_fuzz(challenge SOURCES fuzz_challenge.c LINK oci_registry)
