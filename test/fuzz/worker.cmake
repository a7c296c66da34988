# SPDX-License-Identifier: Apache-2.0
skep_fuzz(message SOURCES fuzz_message.c LINK wire)
skep_fuzz(grant SOURCES fuzz_grant.c LINK grant)
skep_fuzz(spec SOURCES fuzz_spec.c LINK grant_decide)
