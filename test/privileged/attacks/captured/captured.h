/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks of a captured worker: code that runs behind all walls of the real profile, with the
 * descriptors that a worker has, and tries what the engine never would.
 *
 * Belongs here: what the lists of attacks share. Does not belong here: attacks of guests (../guests).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum {
    WORKED = 0,      /* an attack's answer when it got what it wanted; else an errno */
    KILLED = -1,     /* expected: the process ends by SIGSYS */
    FAR_FOLDER = 10, /* a detached, read-only folder of the pod */
    OWN_FOLDER = 11, /* one that it may write */
    SEALED = 12,     /* a component's bytes */
};

/* What an attack knows of the others. */
struct victims {
    int supervisor;    /* pid */
    int other;         /* pid of another worker */
    void *memory;      /* an address that both workers have */
    uint32_t *slots;   /* of its own switchboard */
    uint32_t given;    /* network that it was given */
    uint32_t foreign;  /* one that only the other has */
    uint64_t cookie;   /* of its own network */
};

struct attack {
    const char *id;
    const char *words;
    const char *wall;
    int (*run)(const struct victims *victims); /* WORKED, or errno */
    int expected;                              /* KILLED, or errno */
};

struct attacks {
    const struct attack *at;
    size_t count;
};

extern const struct attacks attacks_on_kernel;
extern const struct attacks attacks_on_files;
extern const struct attacks attacks_on_sockets;

#define WALL_3 "3 no file system, no rights, no calls"
#define WALL_4 "4 the broker's table"
#define WALL_5 "5 read-only by the kernel"
#define WALL_6 "6 another process"
