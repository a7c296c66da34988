/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker seen from outside: a process that runs tasks, its connection, its death.
 *
 * What it says is checked: a message that makes no sense ends it, and with it its own domain only.
 *
 * Belongs here: start, greeting, tasks and what they have loaded, the reason of a death.
 * Does not belong here: which worker is whose (placement.h), a run's own life (run.c).
 *
 * Callbacks run from the loop, never from inside a function of this header.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "runtime/wire/message.h"

struct component;
struct engine_counters;
struct engine_latency;
struct fault;
struct laters;
struct loop;
struct sockets;
struct worker_task;
struct worker_process;

struct worker_process_plan {
    struct loop *loop;     /* borrowed, must outlive it */
    struct laters *laters; /* borrowed, must outlive it */
    struct sockets *sockets; /* borrowed, must outlive it; NULL: no sockets */
    const char *program;   /* absolute path of skep-worker; copied */
    const char *domain;    /* copied */
    uint32_t threads;
    uint32_t instances;
    bool keep_user;
    const char *accept; /* walls that may be missing; NULL: none; copied */
};

struct worker_process_events {
    void (*on_ending)(void *owner); /* once: it takes no more tasks */
    void (*on_gone)(void *owner);   /* once, last: no process any more; to be freed */
};

/* How long a worker may take to be ready, to end by itself, and to have nothing to do. */
enum { WORKER_READY_S = 60, WORKER_LINGER_S = 5, WORKER_IDLE_S = 300, WORKER_LOADS_IDLE_S = 60 };
/* Components that are kept loaded though no task has them. */
enum { WORKER_LOADS_IDLE_MAX = 256 };

/**
 * worker_process_new() - start a worker
 * @plan:   copied
 * @events: copied
 * @owner:  for @events
 * @ret:    the worker; it is told to tasks if it cannot be started
 * @why:    the reason
 *
 * Return: 0 or negative.
 */
int worker_process_new(const struct worker_process_plan *plan,
                       const struct worker_process_events *events, void *owner,
                       own struct worker_process **ret, struct fault *why) MUST_USE;

/* Kills it; every task but those given away must be freed. NULL in, NULL out. */
struct worker_process *worker_process_free(own struct worker_process *worker);
DEFINE_AUTO(struct worker_process *, worker_process_free)

struct worker_task_events {
    /* Once after worker_task_new(). @failed: the task is over. */
    void (*on_loaded)(void *owner, enum message_component kind, const struct fault *failed);
    /* Once after worker_task_start(). @failed: the task is over. */
    void (*on_started)(void *owner, const struct fault *failed);
    /* Once, if neither failed. @end is NULL when the worker died; @lost says of what. */
    void (*on_ended)(void *owner, const struct message_exited *end, const struct fault *lost);
};

/**
 * worker_task_new() - load a component, unless it is loaded, for one task
 * @worker:    not ending
 * @component: referenced while it is loaded
 * @events:    borrowed, static
 * @owner:     for @events
 *
 * Return: the task, owned by the caller.
 */
own struct worker_task *worker_task_new(struct worker_process *worker, struct component *component,
                                        const struct worker_task_events *events, void *owner)
    MUST_USE;

/* What a task gets; descriptors rest at -1. */
struct worker_task_grant {
    int memory; /* of grant_encode() */
    int in;
    int out;
    int err;
    int listener;
    int netns; /* where its sockets are made; -1: none */
    const int *folders;
    size_t folders_count;
    const char *name;                      /* of a part: its container's */
    const struct worker_task_grant *parts; /* of a composition, without its entry; no listeners */
    size_t parts_count;                    /* at most MESSAGE_PARTS_MAX */
};

/**
 * worker_task_start() - let a loaded task run
 * @task:  on_loaded was told without failure
 * @grant: its descriptors are duplicated
 * @why:   the reason
 *
 * Return: 0 (on_started follows) or negative.
 */
int worker_task_start(struct worker_task *task, const struct worker_task_grant *grant,
                      struct fault *why) MUST_USE;

/* Messages about a started task: KILL, DRAIN, PAUSE, RESUME, UPDATE; @message->….task is set here.
 */
void worker_task_send(struct worker_task *task, struct message *message);

/* What it has used: now, or as its end found it. Zero before worker_task_start(). */
void worker_task_counters(const struct worker_task *task, struct engine_counters *ret);

/* The same of how long its requests took. Return: whether there were any; @ret is untouched if not. */
bool worker_task_latency(const struct worker_task *task, struct engine_latency *ret) MUST_USE;

/* Gives a task away: what still runs is killed, and nobody is told. NULL in, NULL out. */
struct worker_task *worker_task_free(own struct worker_task *task);
