# SPDX-License-Identifier: Apache-2.0
skep_fuzz(question SOURCES fuzz_question.c LINK shim_daemon)
