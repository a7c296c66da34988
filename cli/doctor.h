/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What doctor.c and doctor_kernel.c share: a line of the report.
 *
 * Belongs here: its shape. Nobody else includes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum { FINDING_ROOM = 160, FINDINGS_MAX = 32 };

struct finding {
    char name[32];
    char state[16]; /* "stands", "missing", "accepted", "not meant", "not tried"; of the kernel:
                       "yes", "no" */
    char words[FINDING_ROOM];
    bool is_fault; /* counts for the status */
};

/* What is no wall, but decides how much a node can hold. Return: how many, at most @room. */
size_t doctor_kernel(struct finding *ret, size_t room);
