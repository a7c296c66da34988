/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the administrator of a node has set: /etc/skep/skep.json, or the file that SKEP_CONFIG names.
 *
 *     {"walls": {"accept_missing": ["root"]},
 *      "compiler": {"memory_bytes": 2147483648, "cpu_seconds": 25},
 *      "engine": {"threads": 2, "instances": 16000}}
 *
 * No file is an empty one. A member that there is not is an error, because it may be a misspelt
 * wall. docs/SETTINGS.md is for those who write it.
 *
 * Belongs here: reading it. Does not belong here: what a pod asks for (runtime/spec).
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct fault;

#define SETTINGS_PATH "/etc/skep/skep.json"
enum { SETTINGS_BYTES_MAX = 64 * 1024, SETTINGS_WALLS_MAX = 16, SETTINGS_ACCEPT_ROOM = 512 };

/* The bounds of a compile job's limits: options.def of runtime/compiler has the same. */
#define SETTINGS_COMPILE_MEMORY_LEAST (128LL << 20)
#define SETTINGS_COMPILE_MEMORY_MOST (64LL << 30)
enum { SETTINGS_COMPILE_SECONDS_MOST = 3600 };

/* The engine's own bounds: THREADS_MAX of engine.rs, INSTANCES_MAX of sizing.rs. */
enum { SETTINGS_THREADS_MOST = 256, SETTINGS_INSTANCES_MOST = 20000 };

struct settings {
    char accept[SETTINGS_ACCEPT_ROOM]; /* names for sandbox_accept(), separated by ',' */
    uint64_t compile_memory_bytes;     /* of one compile job; 0: nothing is said */
    uint64_t compile_cpu_seconds;      /* the same */
    uint32_t threads;                  /* of a worker, that run guests; 0: nothing is said */
    uint32_t instances;                /* of a worker, alive at once; 0: nothing is said */
};

/**
 * settings_read() - the node's settings
 * @ret: all of them, with what holds where nothing is said
 * @why: the file and what is wrong in it
 *
 * Return: 0 or negative. Thread: any, before others change the environment.
 */
int settings_read(struct settings *ret, struct fault *why) MUST_USE;
