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

#include "runtime/engine/limits.h"

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
    ENGINE_PARTS_MAX = 64, /* of a composition, its entry included */
    ENGINE_SWITCHBOARD_SLOTS = 4194305, /* one more than the largest thread id of Linux */
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
 * struct engine_part - everything another part of a composition than its entry may touch
 *
 * The fields are those of struct engine_grant. What one part may touch, no other may, unless it
 * is handed over by a call. A descriptor is granted to one part only.
 *
 * @name: for what is said of it, for example its container's name; may be NULL
 */
struct engine_part {
    const char *name;
    size_t arg_count;
    const char *const *args;
    size_t env_count;
    const char *const *env;
    const char *cwd;
    int input;
    int output;
    int error;
    size_t folder_count;
    const struct engine_folder *folders;
    uint32_t network_id;
    struct engine_network network;
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
 * @parts:      the parts 1, 2, … of a composition, whose imports c1-wasi:…, c2-wasi:… are bound to
 *              them; its entry is part 0 and has the grant itself. Limits, counters and the listener
 *              are the task's. At most ENGINE_PARTS_MAX - 1; more than it uses does no harm
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
    size_t part_count;
    const struct engine_part *parts;
};
