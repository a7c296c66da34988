/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `skep run` and `skep serve` are told on the command line, as a grant.
 *
 * Belongs here: the options. Does not belong here: opening and running (local.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct fault;
struct grant;

struct local_options {
    bool serve;
    bool verbose;
    const char *file;
    const char *cache; /* NULL: the default of the user */
    own char *address; /* where a server listens; NULL: every address */
    own struct grant *grant;
};

/**
 * local_options_parse() - read a command line
 * @argc: at least 1
 * @argv: the verb ("run" or "serve"), options, the file, arguments; borrowed while @ret lives
 * @ret:  the options
 * @why:  FAULT_INVALID naming the option
 *
 * Return: 0 or negative; local_options_fini() in either case.
 */
int local_options_parse(int argc, char **argv, struct local_options *ret, struct fault *why)
    MUST_USE;
void local_options_fini(struct local_options *options);
