/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What run.c and ask.c share: a run's insides.
 *
 * Belongs here: the structs. Nobody else includes it.
 */
#pragma once

#include "base/digest.h"
#include "runtime/grant/grant.h"
#include "runtime/supervisor/compile.h"
#include "runtime/supervisor/inside.h"
#include "runtime/supervisor/link.h"
#include "runtime/supervisor/opening.h"
#include "runtime/supervisor/run.h"
#include "runtime/supervisor/worker_process.h"

enum run_state {
    RUN_COMPILING,
    RUN_OPENING,
    RUN_LOADING,
    RUN_READY,
    RUN_PROVIDING, /* a library after run_provide() */
    RUN_LINKING,   /* run_start() was called; it waits for others, or for the composition */
    RUN_STARTING, /* run_start() was called; START is sent once it is loaded */
    RUN_RUNNING,
    RUN_OVER,
};

/* What was asked for between run_start() and START. */
struct wishes {
    bool kill;
    bool drain;
    uint64_t grace_ns;
    bool pause;
    bool update;
    struct grant_limits limits;
};

struct run {
    struct supervisor *supervisor;
    struct run_events events;
    void *owner;
    struct run_plan plan; /* texts below; grant and netns borrowed until on_ready */
    own char *domain;
    own char *address;
    char digest[DIGEST_HEX_ROOM];
    enum run_state state;
    enum run_kind kind;
    bool is_call; /* of any component: a call ends as a command does */
    bool is_second_try;
    bool is_open;      /* it imports what only others of its pod can provide */
    bool is_announced; /* on_started() was told before it was linked */
    own char *title;
    uint64_t link_wait_ns;
    struct component *single; /* referenced; itself, of one that may be linked; NULL: of no other */
    struct link link;
    struct later later;
    struct component_wait wait;
    struct component *component; /* referenced */
    struct opening *opening;     /* NULL unless it runs */
    struct opened opened;
    int memory;                   /* the encoded grant */
    own struct worker_task *task; /* NULL: none, or its worker died before it was started */
    bool is_loaded;
    bool is_sent; /* START is */
    struct run_stdio stdio;
    struct wishes wishes;
};

/* START is sent: now what was asked for before. */
void run_send_wishes(struct run *run);

/* run.c. The end of the way before it runs; the event may free the run. */
void run_fail(struct run *run, const struct fault *why);
void run_load(struct run *run);

/* run_grant.c. The worker gets the grant with the folders as they were opened. */
int run_grant_put(struct run *run, struct fault *why) MUST_USE;
/* What a worker is given; descriptors are borrowed. For run_grant_fini(). */
struct worker_task_grant run_grant(const struct run *run);
void run_grant_fini(struct worker_task_grant *grant);
void run_close(struct run *run); /* all descriptors */
