/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run: one component within one grant, from its bytes to its exit code, in some worker.
 *
 * Belongs here: the life of a run as its owner (shim/task, cli) sees it. Compiling, the cache,
 * opening what the grant names, and which worker it is, happen behind this door.
 * Does not belong here: containerd's words (shim/task), images (oci/images).
 *
 * Thread: the loop's. Callbacks never run from inside a call to a function of this header.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "runtime/engine/counters.h"

struct fault;
struct grant;
struct grant_limits;
struct run;
struct supervisor;

enum run_kind { RUN_COMMAND, RUN_SERVER, RUN_LIBRARY };

enum run_how {
    RUN_EXITED,  /* the guest's own code */
    RUN_TRAPPED, /* 134; text names the trap */
    RUN_OOM,     /* 137; the memory limit refused it more */
    RUN_KILLED,  /* 137; by run_kill() */
    RUN_STOPPED, /* 143; by run_drain() */
    RUN_FAILED,  /* 128; it could not be run; text says why */
    RUN_LOST,    /* 255; its worker died; text says of what */
};

struct run_exit {
    enum run_how how;
    uint32_t code;
    char text[400]; /* empty or a sentence */
};

/* What a run reports. Each may free the run, except where said. */
struct run_events {
    /* Once after run_new(): compiled, opened and loaded (@failed NULL), or why not. */
    void (*on_ready)(void *owner, enum run_kind kind, const struct fault *failed);
    /* Once after run_start(): it runs, or why not. on_exit does not follow a failure. One that is
     * to be linked counts as running while it waits. */
    void (*on_started)(void *owner, const struct fault *failed);
    /* Once, after the worker has closed all descriptors of the run. */
    void (*on_exit)(void *owner, const struct run_exit *end);
};

struct run_plan {
    const char *domain;        /* isolation domain: runs of one domain share a worker */
    const char *name;          /* for log lines: "namespace/id" */
    const struct grant *grant; /* borrowed until on_ready; sources are opened before it */
    const char *digest;        /* "sha256:<64 hex>" of the bytes of @wasm, already verified */
    int wasm;                  /* the component's bytes; owned by the run after success */
    int netns;           /* namespace to listen in, borrowed until on_ready; -1: by the grant */
    const char *address; /* numeric address where a server listens; NULL: every address */
    const char *pod;     /* runs of one pod may be linked to each other; NULL: alone */
    const char *title;   /* what the others of the pod call it; NULL: its name */
};

/* Stdio of a run: owned by the run after run_start() succeeds; -1 for none. */
struct run_stdio {
    int in;
    int out;
    int err;
};

int run_new(struct supervisor *supervisor, const struct run_plan *plan,
            const struct run_events *events, void *owner, own struct run **ret) MUST_USE;

/**
 * run_start() - let it run; valid once after on_ready without failure
 * @run:   the run
 * @stdio: passes to the run on success
 * @why:   the reason
 *
 * Return: 0 (on_started follows) or negative.
 */
int run_start(struct run *run, const struct run_stdio *stdio, struct fault *why) MUST_USE;

/**
 * run_provide() - let a library be linked to others of its pod; valid once after on_ready
 * @run:   of kind RUN_LIBRARY, with a pod
 * @stdio: for what it writes where it is linked; passes to the run on success
 * @why:   the reason
 *
 * No event follows. run_kill() and run_drain() take it back: nobody is linked to it any more, and
 * who is linked already keeps what it has.
 *
 * Return: 0 or negative.
 */
int run_provide(struct run *run, const struct run_stdio *stdio, struct fault *why) MUST_USE;

/* Where a server listens, after on_ready; 0 for anything else. */
uint16_t run_port(const struct run *run);

/* Each asks; on_exit tells. Without effect when the run is not started or has ended. */
void run_kill(struct run *run);
void run_drain(struct run *run, uint64_t grace_ns);
void run_pause(struct run *run);
void run_resume(struct run *run);
void run_update(struct run *run, const struct grant_limits *limits);

/* At any time, also after the exit, until run_free(). */
void run_read_counters(const struct run *run, struct engine_counters *ret);
/* Return: whether there were requests; @ret is untouched if not. */
bool run_read_latency(const struct run *run, struct engine_latency *ret) MUST_USE;

/* Kills what still runs, tells nobody. NULL in, NULL out. */
struct run *run_free(own struct run *run);
DEFINE_AUTO(struct run *, run_free)
