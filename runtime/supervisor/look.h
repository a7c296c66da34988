/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at a worker from outside, before it gets the first thing that belongs to a pod: are its
 * walls there? The worker's own word for them is not taken.
 *
 * Belongs here: reading /proc/PID. Does not belong here: building walls (runtime/sandbox).
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct fault;

struct look_plan {
    int pid;
    uint32_t user;      /* that it must be, and its group */
    const char *accept; /* walls that may be missing, names separated by ','; "" for none */
};

/* Descriptors of a worker without tasks. */
enum { LOOK_DESCRIPTORS_MAX = 256 };

/**
 * look_at() - is the process what its walls make of it?
 * @plan: its thread that was first must still be there
 * @why:  FAULT_DENIED with what is not as it must be
 *
 * Of every thread: user, group and other groups, all sets of capabilities, no new privileges, as many
 * filters of system calls as its walls make (more, where we have some ourselves). Of the process:
 * no core dumps, locked memory or message queues; a network and mounts that are not ours; an empty
 * read-only root and working folder that are not ours; no descriptor of a folder or block device.
 *
 * Return: 0 or negative.
 */
int look_at(const struct look_plan *plan, struct fault *why) MUST_USE;
