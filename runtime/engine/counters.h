/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of one task, in memory that the worker shares with its supervisor.
 *
 * Belongs here: the numbers, their units, who writes them.
 * Does not belong here: where the page lies and who reads it (runtime/worker,
 * runtime/stats).
 */
#pragma once

#include <stdint.h>

/**
 * struct engine_counters - what a task has used and done
 *
 * Written by engine threads with single atomic operations and without locks;
 * read by anyone, each field by itself, with __atomic_load_n(). The owner zeroes it
 * before engine_task_start() and keeps it mapped until the task's end was
 * reported. Several tasks may share one (a container and its execs): all writes
 * are additions, or a maximum.
 */
struct engine_counters {
#define COUNTER(name, ...) uint64_t name;
#include "runtime/engine/counters.def"
#undef COUNTER
};

/*
 * Bounds of the buckets: 16 us, then two for each doubling up to 2^26 us, which is 67 s. Bucket 0 is
 * below the first bound, the last one has all from the last bound on.
 */
enum {
    ENGINE_LATENCY_FIRST_LOG2 = 4,
    ENGINE_LATENCY_LAST_LOG2 = 26,
    ENGINE_LATENCY_BUCKETS = 2 + 2 * (ENGINE_LATENCY_LAST_LOG2 - ENGINE_LATENCY_FIRST_LOG2),
};

/**
 * struct engine_latency - how long HTTP requests took, from their head to the head of the answer
 *
 * Every request that has left engine_counters.in_flight is in one bucket, those whose peer hung up
 * included. Written and read as engine_counters are; of a task that has answered nothing it is
 * never touched.
 */
struct engine_latency {
    uint64_t sum_ns;
    uint64_t buckets[ENGINE_LATENCY_BUCKETS];
};

/* The bound below bucket @index: 0, 16, 24, 32, 48, 64, ... */
static inline uint64_t engine_latency_from_us(unsigned index)
{
    unsigned log2 = ENGINE_LATENCY_FIRST_LOG2 + (index - 1) / 2;

    return index == 0 ? 0 : (2 + (uint64_t)((index - 1) % 2)) << (log2 - 1);
}
