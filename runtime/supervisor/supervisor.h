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
struct idmaps;
struct loop;
struct supervisor;

struct supervisor_options {
    const char *cache_dir;         /* absolute; made with mode 0700 if missing */
    uint32_t threads;              /* engine threads of a worker; 0: one per CPU */
    uint32_t instances;            /* most instances of a worker; 0: the engine's default */
    bool keep_user;                /* do not change user (skep run without root) */
    uint64_t cache_bytes;          /* size to which the cache is swept; 0: 10 GiB */
    uint64_t compile_memory_bytes; /* of one job of the compiler; 0: 2 GiB */
    uint64_t compile_seconds;      /* of processor time of one job; 0: 25 */
    const char *worker;            /* absolute path of skep-worker; NULL: beside this program */
    const char *compiler;          /* absolute path of skep-compiler; NULL: beside this program */
    const char *accept;            /* walls that may be missing (settings.h); NULL: none */
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

/* The maps between owners on disk and the workers' user; borrowed. Thread: any. */
struct idmaps *supervisor_idmaps(const struct supervisor *supervisor);

/* Ends all workers; every run must be freed before. Not from inside a callback of this room.
 * What still runs on other threads comes back through the loop. NULL in, NULL out. */
struct supervisor *supervisor_free(own struct supervisor *supervisor);
DEFINE_AUTO(struct supervisor *, supervisor_free)
