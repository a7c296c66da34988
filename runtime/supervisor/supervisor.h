/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: workers kept alive, components compiled once, runs placed.
 *
 * Belongs here: which workers exist, their start, death and replacement; the compiler's jobs.
 * Does not belong here: a single run's life (run.h), what a grant says (runtime/grant).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct fault;
struct loop;
struct supervisor;

struct supervisor_options {
    const char *cache_dir; /* absolute; made with mode 0700 if missing */
    uint32_t threads;      /* engine threads of a worker; 0: one per CPU */
    uint32_t instances;    /* most instances of a worker; 0: the engine's default */
    bool keep_user;        /* do not change user (skep run without root) */
};

/**
 * supervisor_new() - a supervisor without workers; the first run of a domain starts one
 * @loop:    where it waits; borrowed, must outlive it
 * @options: copied
 * @ret:     the supervisor
 * @why:     the reason: programs missing, cache not usable
 *
 * Return: 0 or negative.
 */
int supervisor_new(struct loop *loop, const struct supervisor_options *options,
                   own struct supervisor **ret, struct fault *why) MUST_USE;

/* Ends all workers; every run must be freed before. NULL in, NULL out. */
struct supervisor *supervisor_free(own struct supervisor *supervisor);
DEFINE_AUTO(struct supervisor *, supervisor_free)
