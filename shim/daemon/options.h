/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of skepd: what the launcher gives it (shim/control.h), and its environment.
 *
 * Belongs here: reading and checking. Does not belong here: acting on them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct fault;

enum { OPTIONS_VERSION = 1, OPTIONS_STATE_MAX = 80, OPTIONS_IDLE_MAX = 31536000 };

/* Borrowed from argv and the environment. */
struct options {
    const char *state;   /* absolute folder, at most OPTIONS_STATE_MAX bytes */
    const char *address; /* containerd's gRPC socket */
    const char *ttrpc;   /* containerd's ttrpc socket; "" to publish no events */
    const char *cache;   /* SKEP_CACHE_DIR, else /var/lib/skep/cache */
    uint64_t idle_seconds; /* SKEP_IDLE_SECONDS */
    bool debug;
};

/**
 * options_read() - from the command line and the environment
 * @argc: of main()
 * @argv: the same; must stay
 * @ret:  the options
 * @why:  FAULT_INVALID naming the option
 *
 * Return: 0, OPTIONS_VERSION when only the version is asked for, or negative.
 */
int options_read(int argc, char **argv, struct options *ret, struct fault *why) MUST_USE;
