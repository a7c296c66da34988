# SPDX-License-Identifier: Apache-2.0
skep_fuzz(frame SOURCES fuzz_frame.c LINK shim_ttrpc)
skep_fuzz(request SOURCES fuzz_request.c LINK shim_ttrpc)
skep_fuzz(conn SOURCES fuzz_conn.c LINK shim_ttrpc)
