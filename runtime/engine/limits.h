/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walls around one task, as the engine takes them.
 *
 * Belongs here: their numbers and defaults. Does not belong here: who may have what (runtime/grant).
 */
#pragma once

#include <stdint.h>

/**
 * struct engine_limits - walls around one task
 *
 * Zero means the default that is named with the field; ENGINE_NO_LIMIT means none
 * where the default is a number.
 */
#define ENGINE_NO_LIMIT UINT64_MAX
struct engine_limits {
    uint64_t memory_bytes;   /* over all instances of the task; default: none */
    uint64_t instance_max;   /* instances alive at once; default: the engine's total */
    uint64_t handle_max;     /* resources one instance may hold; default 10,000;
                              no more than one for each 128 KiB of memory_bytes, or 256 */
    uint64_t file_max;       /* files and sockets open at once over all instances; default 1,024;
                              16 for each task when a quarter of the process's are left */
    uint64_t cpu_weight;     /* share under contention, 1 to 10,000; default 100 */
    uint64_t cpu_quota_ns;   /* CPU time per period; default: none */
    uint64_t cpu_period_ns;  /* default 100 ms; at least 1 ms */
    uint64_t connection_max; /* open connections of a server; default 1,024 */
    uint64_t request_max;    /* requests in flight at once; default 128 */
    uint64_t queue_max;      /* requests that wait for their turn; default 1,024 */
    uint64_t queue_ns;       /* longest wait for a turn, then 503; default 10 s */
    uint64_t request_ns;     /* from a request's start to its end; default 60 s */
    uint64_t head_ns;        /* for a request head, idle time before it included; default 30 s */
    uint64_t head_bytes;     /* of a request head; default 64 KiB, at least 8 KiB */
    uint64_t body_bytes;     /* of a request body; default 64 MiB */
    uint64_t stream_max;     /* requests at once on one connection of HTTP/2, at most 1,000;
                              default 100 */
    uint64_t connection_requests; /* after so many a connection is closed; default: none */
    uint64_t reuse_max;      /* requests that one instance of a WASI 0.3 server takes, several at
                              once and not separated from each other; default 1: each its own */
    uint64_t reuse_ns;       /* how old such an instance gets; default 60 s */
    uint64_t lame_duck_ns;   /* how long a server accepts after engine_task_drain(), each answer the
                              last one of its connection; default: not at all */
};
