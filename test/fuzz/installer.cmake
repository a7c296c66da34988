# SPDX-License-Identifier: Apache-2.0
skep_fuzz(toml SOURCES fuzz_toml.c LINK installer)
