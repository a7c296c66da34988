/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory: a memfd of a fixed size that a supervisor makes and its worker maps too.
 *
 * Belongs here: the memory, its seals, its mapping.
 * Does not belong here: what lies in it (page.h, switchboard.h). Nobody else includes it.
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"

struct fault;

/* Rests at {.memory = -1}. */
struct shared {
    int memory; /* of shared_new(); -1 of shared_map() */
    own void *at;
    size_t bytes;
};

/**
 * shared_new() - new memory, all zero; neither side can make the other fail by changing its size
 * @what:  what it is, for /proc/PID/fd and for @why
 * @bytes: its size; what nobody touches costs nothing
 * @ret:   to be ended by shared_fini(), also after a failure
 * @why:   the reason
 *
 * Return: 0 or negative.
 */
int shared_new(const char *what, size_t bytes, struct shared *ret, struct fault *why) MUST_USE;

/**
 * shared_map() - map what the other side has made
 * @memory: borrowed for the call
 * @what:   what it should be
 * @bytes:  the size that it must have, sealed
 * @ret:    to be ended by shared_fini(), also after a failure
 * @why:    FAULT_INVALID when it is something else
 *
 * Return: 0 or negative.
 */
int shared_map(int memory, const char *what, size_t bytes, struct shared *ret,
               struct fault *why) MUST_USE;

void shared_fini(struct shared *shared);
