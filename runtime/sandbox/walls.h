/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the sandbox room: one function for each row of walls.def, and what a profile says.
 *
 * Belongs here: what the files of this room share. Nobody else includes it.
 */
#pragma once

#include "runtime/sandbox/sandbox.h"

/* Answers of a wall: this kernel, or this process's privileges, do not give it; not for this
 * profile. */
enum { WALL_MISSING = 1, WALL_NONE = 2 };

/* Groups of syscalls.def, as bits. */
enum sandbox_calls {
    COMMON = 1,
    FILES = 2,
    NAMES = 4,
    PATHS = 8,
    STREAMS = 16,
    UNIX = 32,
    SOCKETS = 64, /* only where notify_sockets() stands */
};

/* What landlock takes away, as bits. */
enum sandbox_landlock {
    SCOPES = 1,     /* signals to others, abstract Unix sockets of others */
    CHANGES = 2,    /* every change of a file system, and running a file */
    EVERY_PATH = 4, /* opening anything by path */
    TCP = 8,
};

struct sandbox_rules {
    const char *name;
    uint32_t id;
    bool network;
    bool root;
    unsigned landlock;
    unsigned calls;
    uint64_t files;
    uint64_t threads;
};

const struct sandbox_rules *sandbox_rules(enum sandbox_profile profile);

/* Whether this process may still build the walls that need root. */
bool sandbox_is_root(void);

/* Whether errno of unshare(2) says that there is no such namespace to be had: not permitted, too
 * many, a kernel without. */
bool sandbox_lacks_namespace(int err);

/* Notes that a wall is missing. */
void sandbox_miss(struct sandbox *sandbox, const char *words);

/* Whether the wall of notify.h may be missing. */
bool sandbox_accepts_sockets(const struct sandbox *sandbox);

/* Each builds one wall. Return: 0, WALL_MISSING, WALL_NONE, or negative. */
#define WALL(NAME, name, step, need, function, words)                                              \
    int function(struct sandbox *sandbox, struct fault *why);
#include "runtime/sandbox/walls.def"
#undef WALL
