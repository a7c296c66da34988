/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What compile.c and compile_job.c share: a component while it is being made.
 *
 * Belongs here: the two structs, and the steps that run on other threads.
 */
#pragma once

#include <bsd/sys/tree.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "runtime/cache/cache.h"
#include "runtime/supervisor/compile.h"

enum component_state {
    COMPONENT_FINDING,   /* off the loop: identity of the compiler, cache */
    COMPONENT_WAITING,   /* for one of COMPILE_JOBS_MAX places */
    COMPONENT_STARTING,  /* off the loop: making files, starting the process */
    COMPONENT_COMPILING, /* the process runs */
    COMPONENT_ADMITTING, /* off the loop: digests, renaming, sweeping */
    COMPONENT_READY,
    COMPONENT_FAILED,
};

/* What a step off the loop works on; the loop keeps its hands off while one runs. */
struct compile_job {
    int wasm;          /* or the recipe */
    own int *parts;    /* of a composition; NULL: it is none */
    size_t parts_count;
    char key[CACHE_KEY_ROOM];
    struct cache_draft draft;
    struct cache_entry entry;
    struct description description;
    int pid;
    int status; /* of the process, as of waitpid(2) */
    bool late;  /* it was killed for taking too long */
    bool found;
    bool is_final; /* trying again would give the same failure */
    struct fault failed;
};

struct component {
    RB_ENTRY(component) link;     /* in compiler->components */
    TAILQ_ENTRY(component) queue; /* in compiler->queue, while WAITING */
    struct compiler *compiler;
    char digest[DIGEST_HEX_ROOM];
    enum component_state state;
    TAILQ_HEAD(, component_wait) waits;
    size_t refs;
    uint64_t idle_since_ns;
    struct later tell;
    struct compile_job job;
    struct loop_child *child;
    struct loop_timer *deadline;
};

RB_HEAD(component_tree, component);

/* The compiler's identity, asked for once for each build of the program. */
struct identity {
    pthread_mutex_t lock; /* guards all below */
    struct stat program;
    char hex[DIGEST_HEX_ROOM];
};

struct compiler {
    struct loop *loop;
    struct laters *laters;
    own struct cache *cache;
    own char *program;
    own char *accept; /* names, "" for none */
    uint64_t memory_bytes;
    uint64_t seconds;
    struct component_tree components;
    TAILQ_HEAD(, component) queue;
    unsigned running; /* places taken */
    unsigned away;    /* steps that run off the loop */
    bool is_closed;   /* freed when the last of them comes back */
    struct loop_timer *idle;
    struct identity identity;
};

/* What it is made of stays open until it is closed. Return: 0 or negative errno. */
int compile_job_keep(struct compile_job *job, const struct composition *composition) MUST_USE;
void compile_job_close(struct compile_job *job);

/* Steps off the loop; each leaves job.failed.kind at FAULT_NONE, or says why. */
void compile_job_find(struct component *component);
void compile_job_start(struct component *component);
void compile_job_admit(struct component *component);

/* The sentence for a process that ended without success, from its status and its words. */
void compile_job_word(struct component *component);

/**
 * identity_get() - who is the compiler?
 * @identity: remembered from an earlier call
 * @program:  asked again when it was replaced
 * @ret:      64 hexadecimal digits
 * @why:      the reason
 *
 * Blocks. Return: 0 or negative. Thread: any.
 */
int identity_get(struct identity *identity, const char *program, char ret[DIGEST_HEX_ROOM],
                 struct fault *why) MUST_USE;
