/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line that containerd gives to a shim, and the environment beside it.
 *
 * Belongs here: reading both. Source: containerd pkg/shim/shim.go and util.go, 1.6 to 2.4.
 * Does not belong here: acting on them.
 */
#pragma once

#include <stdbool.h>

struct options {
    const char *namespace_id; /* -namespace */
    const char *id;           /* -id */
    const char *address;      /* -address: containerd's gRPC socket, a path */
    const char *ttrpc;        /* environment TTRPC_ADDRESS: a path */
    const char *bundle;       /* -bundle; only with delete */
    const char *publisher;    /* -publish-binary: path of containerd */
    const char *action;       /* start, delete, or NULL */
    bool debug;
    bool version;
    bool info;
};

/**
 * options_read() - read the command line
 * @argc, @argv: of main(); the result borrows from them
 * @ret:         filled; texts that were not given are ""
 *
 * Flags have one dash or two, "-x value" or "-x=value"; flags that we do not know are skipped, with
 * their value when the next word is no flag and no action.
 */
void options_read(int argc, char **argv, struct options *ret);
