/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker: one engine, the components and tasks of one isolation domain, one supervisor.
 *
 * Belongs here: messages in, outcomes out.
 * Does not belong here: policy; the worker does what it is told with what it was handed.
 */
#pragma once

#include "base/attr.h"

struct fault;
struct loop;
struct message_ready;
struct worker;

/* Called once, when the engine runs: the doors close. Fills in walls and complete of
 * @ready; @ret_listener (given as -1, which stays on failure) becomes the worker's, which hands it
 * to the supervisor. */
typedef int worker_ready_fn(void *owner, struct message_ready *ready, int *ret_listener,
                            struct fault *why);

struct worker_plan {
    struct loop *loop; /* borrowed, must outlive the worker */
    int socket;        /* to the supervisor; owned by worker_new(), also on failure */
    worker_ready_fn *ready;
    void *owner; /* for ready */
};

/**
 * worker_new() - serve a supervisor
 * @plan: copied
 * @ret:  the worker
 * @why:  the reason
 *
 * HELLO starts the engine. When the socket ends, or the worker cannot go on, the loop stops.
 *
 * Return: 0 or negative.
 */
int worker_new(const struct worker_plan *plan, own struct worker **ret, struct fault *why) MUST_USE;

/* What ended it: "" when the supervisor left; otherwise the supervisor's log has it too. */
const char *worker_last_words(const struct worker *worker);

/* Ends all tasks and the engine; blocks until its threads have ended. NULL in, NULL out. */
struct worker *worker_free(own struct worker *worker);
DEFINE_AUTO(struct worker *, worker_free)
