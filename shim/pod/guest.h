/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest: one process of a container as containerd sees it, the init or an exec.
 *
 * Belongs here: its state and the legal moves, what it holds, who waits for its end.
 * Does not belong here: containerd's messages, FIFOs and events (shim/task); how a run is made
 * (prepare.h).
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/text.h"
#include "runtime/supervisor/run.h"

struct container;
struct fault;
struct grant;
struct guest;
struct prepare;
/* shim/task's; held here so that their lives are the guest's. */
struct leave;
struct stdio;
struct ttrpc_call;

enum guest_state {
    GUEST_PREPARING, /* not visible yet: compiled, opened and loaded behind the door */
    GUEST_CREATED,
    GUEST_STARTING, /* asked to run, not confirmed */
    GUEST_RUNNING,
    GUEST_PAUSED,
    GUEST_LEAVING, /* has ended; its last words are being written, its execs ended */
    GUEST_STOPPED,
    GUEST_STATES,
};

/* What happens to a guest; told by the run. The owner of these is shim/task. */
struct guest_hooks {
    /* Open the guest's stdio; touches ->stdio and texts alone. Thread: a pool's, where it may block,
     * because it names a stream. */
    int (*open)(struct guest *guest, struct fault *why);
    void (*started)(struct guest *guest, const struct fault *failed);
    void (*exited)(struct guest *guest, const struct run_exit *end);
};

typedef void guest_waiter_fn(void *owner, struct guest *guest);

struct guest_waiter {
    TAILQ_ENTRY(guest_waiter) link;
    struct guest *guest;
    guest_waiter_fn *fn;
    void *owner;
};
TAILQ_HEAD(guest_waiters, guest_waiter);

struct guest {
    TAILQ_ENTRY(guest) link; /* an exec, in its container */
    struct container *container;
    const struct guest_hooks *hooks;
    void *owner;                 /* for the hooks */
    char id[IDENTIFIER_MAX + 1]; /* of an exec; "" for the init */
    enum guest_state state;
    uint32_t pid;
    bool is_virtual; /* nothing runs: a pause container, a library */
    enum run_kind kind;
    own char *in; /* containerd's texts, echoed by State */
    own char *out;
    own char *err;
    bool terminal;
    own struct grant *grant;
    own struct run *run;
    own struct stdio *stdio;      /* freed by shim/task before the guest is */
    own struct ttrpc_call *call;  /* of Create, Exec or Start, while it is under way */
    struct leave *leave;          /* while LEAVING */
    struct prepare *prepare;      /* while PREPARING */
    unsigned kill_at_start;       /* a signal that came while STARTING; 0 for none */
    unsigned stop_signal;         /* the signal that asked it to end; 0 for none */
    struct wall_time started;     /* when it first ran; 0: not yet */
    uint32_t status;              /* from LEAVING on */
    struct wall_time ended;       /* the same */
    struct guest_waiters waiters;
};

/**
 * guest_init() - prepare an embedded or fresh guest; state PREPARING
 * @guest:     zeroed memory
 * @container: whose it is
 * @id:        of the exec, at most IDENTIFIER_MAX bytes; "" for the init
 */
void guest_init(struct guest *guest, struct container *container, const char *id);

/* Frees what it holds; its stdio must be gone, and nobody may wait. */
void guest_fini(struct guest *guest);

/* May the guest move there? By the table in guest.c. */
bool guest_may(const struct guest *guest, enum guest_state next);

/* Moves; an illegal move is a mistake of ours (assert). STOPPED tells all waiters, in order. */
void guest_move(struct guest *guest, enum guest_state next);

/* Does it count as a live process: CREATED to LEAVING? */
bool guest_is_live(const struct guest *guest);

/* The state's name for sentences: "created", "running". Static text. */
const char *guest_state_name(enum guest_state state);

/**
 * guest_wait() - be told when the guest is STOPPED
 * @guest: not STOPPED
 * @fn:    called once, when all about the end is known; may free nothing of the guest
 * @owner: for @fn
 *
 * Return: the waiter, borrowed, for guest_forget(); valid until @fn is called.
 */
struct guest_waiter *guest_wait(struct guest *guest, guest_waiter_fn *fn, void *owner);
void guest_forget(struct guest_waiter *waiter);

/* Its run's events, for prepare.c: they find hooks by the guest, which is the run's owner. */
void guest_on_started(void *owner, const struct fault *failed);
void guest_on_exit(void *owner, const struct run_exit *end);
