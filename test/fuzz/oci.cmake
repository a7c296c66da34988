# SPDX-License-Identifier: Apache-2.0
skep_fuzz(reference SOURCES fuzz_reference.c LINK oci)
skep_fuzz(manifest SOURCES fuzz_manifest.c LINK oci)
skep_fuzz(binary SOURCES fuzz_binary.c LINK oci)
skep_fuzz(unpack SOURCES fuzz_unpack.c LINK oci)
skep_fuzz(gunzip SOURCES fuzz_gunzip.c LINK oci)
