/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting the process of a worker, which blocks and so runs off the loop.
 *
 * Belongs here: its command line and its socket. Does not belong here: what is said to it.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"

struct loop;
struct worker_process;
struct worker_process_plan;

struct spawn {
    struct worker_process *worker; /* NULL when nobody waits for it any more */
    struct loop *loop;
    own char *program;
    own char *domain;
    own char *accept;
    bool keep_user;
    int socket; /* ours, after spawn_work(); -1: none */
    int pid;
    struct fault failed; /* FAULT_NONE when it was started */
};

/* Nothing is started yet. */
own struct spawn *spawn_new(const struct worker_process_plan *plan) MUST_USE;

/* Closes the socket unless it was taken. Returns NULL. */
struct spawn *spawn_free(own struct spawn *spawn);

/* Starts it; for loop_work(). Thread: any, one at a time. */
void spawn_work(void *spawn);
