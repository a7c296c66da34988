/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switchboard: for which network each thread of a worker acts just now, in memory that the
 * worker and its supervisor map.
 *
 * The worker writes a network's number at its thread's slot, and the broker reads it when that
 * thread asks for a socket. A captured worker can write what it likes: the slot only routes, and
 * whether the network is this worker's is the broker's to know. Slots that nobody has touched cost
 * nothing.
 *
 * Belongs here: the memory, its size, reading a slot.
 * Does not belong here: writing slots (the engine), what a number stands for (runtime/broker).
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct fault;
struct switchboard;

/* Linux gives no thread a number above 4,194,304. */
enum { SWITCHBOARD_SLOTS = 4194305 };

/* The supervisor's: a new one, all slots 0, its size sealed. Return: 0 or negative. */
int switchboard_new(own struct switchboard **ret, struct fault *why) MUST_USE;

/**
 * switchboard_map() - the worker's: map one that came as a descriptor
 * @memory: borrowed for the call
 * @ret:    the switchboard
 * @why:    FAULT_INVALID when it is none
 *
 * Return: 0 or negative.
 */
int switchboard_map(int memory, own struct switchboard **ret, struct fault *why) MUST_USE;

/* Unmaps. NULL in, NULL out. */
struct switchboard *switchboard_free(own struct switchboard *board);
DEFINE_AUTO(struct switchboard *, switchboard_free)

/* The descriptor to hand to a worker, borrowed. Only of switchboard_new(). */
int switchboard_memory(const struct switchboard *board);

/* SWITCHBOARD_SLOTS numbers, indexed by thread id; borrowed. */
uint32_t *switchboard_slots(struct switchboard *board);

/* What thread @tid acts for; 0: nothing, also for numbers that no thread has. Thread: any. */
uint32_t switchboard_read(const struct switchboard *board, uint32_t tid);
