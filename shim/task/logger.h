/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A logger: a program of the client's that reads a guest's output from pipes
 * (binary:///path?key=value, as containerd's runc shim runs it: containerd pkg/process/io.go).
 *
 * Belongs here: its address, its start, its end. Does not belong here: what it does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct fault;
struct logger;
struct loop;

enum {
    LOGGER_ARGS_MAX = 128,
    LOGGER_ADDRESS_MAX = 8192,
    LOGGER_READY_MS = 10000, /* until it says that it is ready */
};

/* Arguments of a logger, taken from its address. */
struct logger_args {
    own char **argv; /* path, key, value, …; ended by NULL */
    size_t count;
};

/**
 * logger_parse() - take an address apart
 * @address: behind "binary://": "/path?key=value&key2"; percent-encoded
 * @ret:     path, then keys and values in order
 * @why:     FAULT_INVALID, FAULT_LIMIT
 *
 * Return: 0 or negative. Thread: any.
 */
int logger_parse(const char *address, struct logger_args *ret, struct fault *why) MUST_USE;
void logger_args_fini(struct logger_args *args);

struct logger_plan {
    const char *address;      /* behind "binary://" */
    bool must_say;            /* binary-v2: ending without a word is a failure */
    const char *namespace_id; /* its environment */
    const char *id;
    int out; /* read ends of pipes, borrowed */
    int err;
};

/**
 * logger_start() - start it and wait until it is ready
 * @plan: borrowed for the call
 * @ret:  the logger
 * @why:  the reason
 *
 * Blocks for at most LOGGER_READY_MS. Return: 0 or negative. Thread: any.
 */
int logger_start(const struct logger_plan *plan, own struct logger **ret,
                 struct fault *why) MUST_USE;

/* The pipes were closed: see to it that it ends, on the loop, and free it. NULL in, NULL out. */
struct logger *logger_end(own struct logger *logger, struct loop *loop);

/* How many still have to end: the daemon stays for them. */
size_t loggers_ending(void);
