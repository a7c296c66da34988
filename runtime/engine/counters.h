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
    uint64_t cpu_ns;       /* time that engine threads spent inside its stores */
    uint64_t memory_bytes; /* held now: linear memories, tables, a constant per instance */
    uint64_t memory_peak;  /* the largest memory_bytes so far */
    uint64_t instances;    /* component instances alive now */
    uint64_t requests;     /* HTTP requests taken in */
    uint64_t errors;       /* of these, answered by the engine and not by the guest */
    uint64_t traps;        /* instances that ended by a trap */
    uint64_t oom;          /* instances that ended after memory was refused */
};
