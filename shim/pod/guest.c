/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A life is a table of legal moves and one function that moves. PREPARING ends in CREATED or in
 * the guest being freed, without anybody outside having seen it.
 */
#include "shim/pod/guest.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "runtime/grant/grant.h"

#define FROM(state) (1U << (state))

static const unsigned reachable_from[GUEST_STATES] = {
    [GUEST_CREATED] = FROM(GUEST_PREPARING),
    [GUEST_STARTING] = FROM(GUEST_CREATED),
    [GUEST_RUNNING] = FROM(GUEST_CREATED) | FROM(GUEST_STARTING) | FROM(GUEST_PAUSED),
    [GUEST_PAUSED] = FROM(GUEST_RUNNING),
    [GUEST_LEAVING] = FROM(GUEST_CREATED) | FROM(GUEST_STARTING) | FROM(GUEST_RUNNING) |
                      FROM(GUEST_PAUSED),
    [GUEST_STOPPED] = FROM(GUEST_LEAVING),
};

static const char *const state_names[GUEST_STATES] = {
    [GUEST_PREPARING] = "being created",
    [GUEST_CREATED] = "created",
    [GUEST_STARTING] = "starting",
    [GUEST_RUNNING] = "running",
    [GUEST_PAUSED] = "paused",
    [GUEST_LEAVING] = "ending",
    [GUEST_STOPPED] = "stopped",
};

void guest_init(struct guest *guest, struct container *container, const char *id)
{
    guest->container = container;
    (void)snprintf(guest->id, sizeof(guest->id), "%s", id);
    TAILQ_INIT(&guest->waiters);
}

void guest_fini(struct guest *guest)
{
    assert(!guest->stdio && TAILQ_EMPTY(&guest->waiters));
    guest->run = run_free(guest->run);
    guest->grant = grant_free(guest->grant);
    free(guest->in);
    free(guest->out);
    free(guest->err);
    guest->in = NULL;
    guest->out = NULL;
    guest->err = NULL;
}

bool guest_may(const struct guest *guest, enum guest_state next)
{
    return (reachable_from[next] & FROM(guest->state)) != 0;
}

static void waiters_tell(struct guest *guest)
{
    struct guest_waiter *waiter = NULL;

    /* Each round takes the first, so that a callback may forget any other. */
    while ((waiter = TAILQ_FIRST(&guest->waiters)) != NULL) {
        guest_waiter_fn *fn = waiter->fn;
        void *owner = waiter->owner;

        guest_forget(waiter);
        fn(owner, guest);
    }
}

void guest_move(struct guest *guest, enum guest_state next)
{
    assert(guest_may(guest, next));
    guest->state = next;
    if (next == GUEST_RUNNING && guest->started.seconds == 0) {
        guest->started = clock_wall();
    }
    if (next == GUEST_STOPPED) {
        waiters_tell(guest);
    }
}

bool guest_is_live(const struct guest *guest)
{
    return guest->state != GUEST_PREPARING && guest->state != GUEST_STOPPED;
}

const char *guest_state_name(enum guest_state state)
{
    return state_names[state];
}

struct guest_waiter *guest_wait(struct guest *guest, guest_waiter_fn *fn, void *owner)
{
    struct guest_waiter *waiter = NEW(struct guest_waiter);

    assert(guest->state != GUEST_STOPPED);
    waiter->guest = guest;
    waiter->fn = fn;
    waiter->owner = owner;
    TAILQ_INSERT_TAIL(&guest->waiters, waiter, link);
    return waiter;
}

void guest_forget(struct guest_waiter *waiter)
{
    TAILQ_REMOVE(&waiter->guest->waiters, waiter, link);
    free(waiter);
}

void guest_on_started(void *owner, const struct fault *failed)
{
    struct guest *guest = owner;

    guest->hooks->started(guest, failed);
}

void guest_on_exit(void *owner, const struct run_exit *end)
{
    struct guest *guest = owner;

    guest->hooks->exited(guest, end);
}
