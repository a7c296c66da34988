# SPDX-License-Identifier: Apache-2.0
skep_fuzz(span SOURCES fuzz_span.c ${PROJECT_SOURCE_DIR}/shim/launcher/span.c LINK base_json)
