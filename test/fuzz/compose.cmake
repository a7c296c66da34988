# SPDX-License-Identifier: Apache-2.0
skep_fuzz(interface SOURCES fuzz_interface.c LINK compose)
skep_fuzz(plan SOURCES fuzz_plan.c LINK compose)
