/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User namespaces that exchange two owners of files: what user and group X own on disk belongs,
 * seen through a mount with such a map, to the worker, and the other way round; everybody else
 * stays who they are.
 *
 * Belongs here: making them, once for each pair. Does not belong here: mounts (folder.h).
 *
 * Thread: any, for every function.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct fault;
struct idmaps;

enum { IDMAPS_MAX = 256 }; /* that are kept; more are made anew each time */

/**
 * idmaps_new() - no namespaces yet
 * @worker: the worker's user and group
 */
own struct idmaps *idmaps_new(uint32_t worker) MUST_USE;
struct idmaps *idmaps_free(own struct idmaps *idmaps); /* NULL in, NULL out */
DEFINE_AUTO(struct idmaps *, idmaps_free)

/* The worker's user and group. */
uint32_t idmaps_worker(const struct idmaps *idmaps);

/**
 * idmaps_open() - the namespace for one owner on disk
 * @idmaps: the maps
 * @user:   on disk
 * @group:  on disk
 * @ret:    descriptor, owned by the caller
 * @why:    the reason
 *
 * Blocks for a fraction of a millisecond when it is the first for this pair.
 *
 * Return: 0 or negative.
 */
int idmaps_open(struct idmaps *idmaps, uint32_t user, uint32_t group, int *ret, struct fault *why)
    MUST_USE;
