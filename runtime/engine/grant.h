/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine hands to a task: values and open descriptors, never a path.
 *
 * Belongs here: the shape of a grant as the engine takes it.
 * Does not belong here: who may have what (runtime/grant), how a descriptor came
 * to be (runtime/broker).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine_counters;
struct engine_latency;

/* Ceilings of a grant; passing one fails engine_task_start() with ENGINE_LIMIT. */
enum {
    ENGINE_ARGS_MAX = 4096,
    ENGINE_ENV_MAX = 4096,
    ENGINE_FOLDERS_MAX = 256,
    ENGINE_TEXT_MAX = 128 * 1024, /* bytes of one argument, variable or path */
    ENGINE_NETWORK_TEXT_MAX = 2 * 1024 * 1024, /* bytes of each text of a network */
    ENGINE_NETWORK_RULES_MAX = 256,
    ENGINE_SWITCHBOARD_SLOTS = 4194305, /* one more than the largest thread id of Linux */
};

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

/**
 * struct engine_folder - one preopened folder
 * @dir:        an open directory
 * @guest_path: its name inside the component, for example "/data"
 * @read_only:  refuse writing (the mount itself should refuse it as well)
 */
struct engine_folder {
    int dir;
    const char *guest_path;
    bool read_only;
};

/**
 * struct engine_network - what a task with sockets may reach, and how
 *
 * A text may be NULL. Where @allow is not, only what it names is reached by outgoing
 * connections, datagrams and name lookups: one rule a line, host:port, CIDR, CIDR:port,
 * *.suffix or *.suffix:port (IPv6 with a port in brackets).
 */
struct engine_network {
    const char *allow;       /* NULL: everything; "": nothing */
    const char *resolv_conf; /* resolv.conf(5); NULL: no name servers */
    const char *hosts;       /* hosts(5); localhost is known without it */
    const char *trust;       /* certificates (PEM) that TLS believes; NULL: nobody */
};

/**
 * struct engine_grant - everything a task may touch
 *
 * Texts are UTF-8, borrowed for the call and copied. Descriptors (@input, @output,
 * @error, @listener, the folders) pass to the engine when engine_task_start()
 * succeeds and stay the caller's when it fails. The engine sets O_NONBLOCK on pipes,
 * sockets and terminals among them.
 *
 * @name:     for log lines, for example the container's id; may be NULL
 * @input:    stdin, -1: at its end from the start; a server never reads it
 * @output:   stdout, -1: thrown away
 * @error:    stderr, -1: thrown away; the engine adds its own "skep: …" lines
 * @listener: a listening stream socket for a server; -1 for a command
 * @counters: where to count; NULL: nowhere
 * @latency:  where to count how long requests took; NULL: nowhere
 * @network_id: written to the switchboard by each thread that works for the task; 0: no
 *              sockets at all, guests are refused with access-denied
 * @network:  of no meaning without @network_id
 * @access_log: whether a server writes a line on stdout for each request
 * @call:       a function that the component exports, with its arguments, as in
 *              acme:demo/add@1.0.0.add(1, 2): it is called in place of the component's run or its
 *              server, its result written on stdout; NULL: none. Then there is no listener
 */
struct engine_grant {
    const char *name;
    size_t arg_count;
    const char *const *args; /* args[0] is the program's own name */
    size_t env_count;
    const char *const *env; /* NAME=value */
    const char *cwd;        /* initial cwd; NULL: "/" */
    int input;
    int output;
    int error;
    int listener;
    size_t folder_count;
    const struct engine_folder *folders;
    struct engine_limits limits;
    struct engine_counters *counters;
    struct engine_latency *latency;
    uint32_t network_id;
    struct engine_network network;
    bool access_log;
    const char *call;
};
