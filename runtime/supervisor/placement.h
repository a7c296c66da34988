/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placement: which worker serves an isolation domain.
 *
 * Belongs here: one worker for each domain that has runs; a fresh one after a death.
 * Does not belong here: what a domain is (the owner of a run chooses its name), a worker's insides.
 */
#pragma once

#include "base/attr.h"
#include "runtime/supervisor/worker_process.h"

struct placement;

/**
 * placement_new() - no workers yet
 * @plan: for all workers; its domain is not used; texts are copied
 */
own struct placement *placement_new(const struct worker_process_plan *plan) MUST_USE;
struct placement *placement_free(own struct placement *placement); /* NULL in, NULL out */
DEFINE_AUTO(struct placement *, placement_free)

/**
 * placement_worker() - the worker of a domain, started if there is none
 * @placement: the placement
 * @domain:    its name; copied
 * @ret:       borrowed until the next turn of the loop; not ending
 * @why:       the reason
 *
 * Return: 0 or negative.
 */
int placement_worker(struct placement *placement, const char *domain, struct worker_process **ret,
                     struct fault *why) MUST_USE;
