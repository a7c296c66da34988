/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What worker_process.c, worker_task.c and worker_load.c share: a worker's insides.
 *
 * Belongs here: the structs. Nobody else includes it.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "base/fault.h"
#include "base/loop.h"
#include "runtime/engine/counters.h"
#include "runtime/supervisor/later.h"
#include "runtime/supervisor/worker_process.h"
#include "runtime/wire/channel.h"

/* A component in a worker. */
struct load {
    TAILQ_ENTRY(load) link;
    struct component *component; /* referenced by the load */
    uint64_t id;
    bool is_sent;
    bool is_loaded;
    bool is_failed; /* its tasks are being told; nobody joins them */
    enum message_component kind;
    size_t users;
    uint64_t idle_since_ns; /* 0: it has users */
};

enum task_state {
    TASK_LOADING,
    TASK_LOADED,
    TASK_STARTING,
    TASK_RUNNING,
    TASK_OVER, /* in no table any more */
};

struct worker_task {
    RB_ENTRY(worker_task) link;
    uint64_t id;
    struct worker_process *worker;           /* NULL when over */
    struct load *load;                       /* NULL when over */
    const struct worker_task_events *events; /* NULL: given away */
    void *owner;
    enum task_state state;
    struct later tell;           /* of a component that was loaded already */
    uint32_t slot;               /* STARTING and RUNNING */
    uint32_t network;            /* the same; 0: no sockets */
    own uint32_t *part_networks; /* the same, of a composition; NULL: none */
    size_t part_networks_count;
    struct engine_counters last; /* OVER */
    own struct engine_latency *last_latency; /* OVER; NULL: there were no requests */
};

RB_HEAD(task_tree, worker_task);

enum worker_process_state {
    WORKER_STARTING, /* off the loop */
    WORKER_GREETING, /* HELLO is sent */
    WORKER_READY,
    WORKER_ENDING, /* waits for the process to end */
};

struct spawn; /* a start off the loop */

struct worker_process {
    struct loop *loop;
    struct laters *laters;
    own char *domain;
    own char *accept; /* walls that it may miss */
    uint32_t user;    /* that it must be; 0: whoever we are, and its walls are not looked at */
    struct worker_process_events events;
    void *owner;
    enum worker_process_state state;
    struct spawn *spawn; /* NULL when it came back */
    own struct channel *channel;
    struct loop_child *child;
    int pid;
    struct loop_timer *timer; /* greeting, then idle, then linger */
    uint32_t threads;
    uint32_t instances;
    struct stats_page *page;
    struct switchboard *board;
    struct sockets *sockets;
    struct sockets_worker *desk; /* NULL: none before READY, or nowhere to ask */
    struct task_tree tasks;
    TAILQ_HEAD(, load) loads;
    size_t loads_idle;
    uint64_t next_id;
    uint64_t idle_since_ns;  /* 0: it has tasks */
    struct later end;        /* failures that are found inside a call */
    struct fault broken;     /* why it was ended by us; FAULT_NONE if it ended itself */
    int status;              /* as of waitpid(2), once child is NULL */
    char last_words[200];    /* its last log line of level error */
    uint64_t lines_since_ns; /* for the ceiling of log lines */
    unsigned lines;
};

/* Ends a worker; @why becomes the reason, NULL: its own. From the loop only. */
void worker_process_end(struct worker_process *worker, const struct fault *why);

/* Sends, or ends the worker soon. */
void worker_process_send(struct worker_process *worker, const struct message *message,
                         const int *fds, size_t count);

/* worker_words.c: may it say this now; a line for the log. */
bool worker_may_say(const struct worker_process *worker, enum message_kind kind);
void worker_log(struct worker_process *worker, const struct message_log *line);

/* worker_task.c: messages of a worker that is READY. Return: 0, or negative: it broke the rules. */
int tasks_message(struct worker_process *worker, const struct message *message, struct fault *why)
    MUST_USE;
void tasks_lose(struct worker_process *worker, const struct fault *why); /* tell all, forget all */
void tasks_fini(struct worker_process *worker); /* forget all, tell nobody */

/* worker_start.c. No sockets for it any more. */
void task_networks_end(struct worker_task *task);

/* worker_load.c. load_get() finds the component's load or makes one; it has no user yet. */
struct load *load_get(struct worker_process *worker, struct component *component);
void load_use(struct worker_process *worker, struct load *load);
void load_leave(struct worker_process *worker, struct load *load);
void load_remove(struct worker_process *worker, struct load *load);
struct load *load_find(struct worker_process *worker,
                       uint64_t id);             /* of those that wait for LOADED */
void loads_begin(struct worker_process *worker); /* READY: send what waited */
void loads_sweep(struct worker_process *worker); /* unload what nobody uses for long */
