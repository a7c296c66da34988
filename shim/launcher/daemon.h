/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon as the launcher sees it: one skepd for each containerd, build and installation.
 *
 * Belongs here: finding it, starting it once, asking one question.
 * Does not belong here: what the answers mean (main.c).
 */
#pragma once

#include <stdbool.h>

#include "shim/control.h"

struct options;

enum { STATE_PATH_MAX = 80 }; /* so that DIR/control.sock fits into sun_path (108) */

struct answer {
    char letter; /* CONTROL_OURS and so on */
    char text[CONTROL_BYTES_MAX];
};

/**
 * daemon_state() - the folder in which the daemon of this containerd and this build lives
 * @options: its ttrpc (or else gRPC) address and the build decide
 * @ret:     STATE_PATH_MAX bytes
 *
 * SKEP_STATE_DIR replaces /run/skep.
 */
void daemon_state(const struct options *options, char *ret);

/**
 * daemon_ask() - one question, one answer
 * @state:  the daemon's folder
 * @verb:   CONTROL_START …
 * @texts:  ended by NULL
 * @ret:    the answer
 *
 * Return: 0; -1 when nobody listens there (errno ECONNREFUSED, ENOENT) or the connection broke.
 */
int daemon_ask(const char *state, char verb, const char *const *texts, struct answer *ret);

/**
 * daemon_ensure() - see that a daemon listens in @state, starting it at most once
 * @state:   its folder
 * @options: addresses to give it
 *
 * Holds a file lock from the second look to the daemon's word that it listens, so that any number
 * of launchers start one daemon. Ends the program with a sentence when it cannot be started.
 */
void daemon_ensure(const char *state, const struct options *options);
