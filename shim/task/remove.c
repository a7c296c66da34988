/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container stays in the table until it is freed, so that the daemon does not end meanwhile, but
 * is marked as gone, so that nobody finds it.
 */
#include "shim/task/remove.h"

#include <assert.h>

#include "base/clock.h"
#include "shim/pod/prepare.h"
#include "shim/pod/reservation.h"
#include "shim/task/leave.h"
#include "shim/task/verb.h"

enum { STATUS_REMOVED = 137 };

struct removal {
    struct service *service;
    struct container *container;
    struct service_removed how;
    remove_fn *done;
    void *owner;
};

/* ---- taking apart ---- */

struct apart {
    struct container *container;
    void (*done)(void *owner);
    void *owner;
};

static void apart_done(void *owner)
{
    struct apart *apart = owner;
    struct container *container = pods_take(apart->container);
    void (*gone)(void *owner) = container->on_gone;
    void *gone_owner = container->on_gone_owner;

    (void)container_free(container);
    if (apart->done) {
        apart->done(apart->owner);
    }
    if (gone) {
        gone(gone_owner);
    }
    free(apart);
}

void remove_now(struct service *service, struct container *container, void (*done)(void *owner),
                void *owner)
{
    struct apart *apart = NEW(struct apart);
    struct guest *init = &container->init;
    struct guest *exec = NULL;

    assert(!container->is_gone &&
           (init->state == GUEST_STOPPED || init->state == GUEST_PREPARING));
    container->is_gone = true;
    while ((exec = TAILQ_FIRST(&container->execs)) != NULL) {
        container_remove_exec(exec);
    }
    init->stdio = stdio_close(init->stdio, service->tools.loop);
    container_part(container);
    init->run = run_free(init->run);
    apart->container = container;
    apart->done = done;
    apart->owner = owner;
    container_release(container, service->tools.loop, apart_done, apart);
}

/* ---- ending before that ---- */

static void removal_done(void *owner)
{
    struct removal *removal = owner;

    removal->done(removal->owner, &removal->how);
    free(removal);
}

static void removal_stopped(void *owner, struct guest *guest)
{
    struct removal *removal = owner;

    removal->how = (struct service_removed){guest->pid, guest->status, guest->ended};
    if (guest->container->is_gone) {
        /* Somebody else was told before us, and is at it. */
        removal_done(removal);
    } else {
        remove_now(removal->service, guest->container, removal_done, removal);
    }
}

/* A Create that is under way gives up, answers, and takes the container apart by itself. */
static void removal_prepared(struct removal *removal)
{
    struct container *container = removal->container;

    removal->how = (struct service_removed){container->init.pid, STATUS_REMOVED, clock_wall()};
    if (container->on_gone) {
        removal_done(removal);
        return;
    }
    container->on_gone = removal_done;
    container->on_gone_owner = removal;
    prepare_cancel(container->init.prepare);
}

void remove_begin(struct service *service, struct container *container, remove_fn *done,
                  void *owner)
{
    struct removal *removal = NEW(struct removal);
    struct guest *init = &container->init;

    removal->service = service;
    removal->container = container;
    removal->done = done;
    removal->owner = owner;
    if (init->state == GUEST_PREPARING) {
        removal_prepared(removal);
    } else if (init->state == GUEST_STOPPED) {
        removal_stopped(removal, init);
    } else {
        (void)guest_wait(init, removal_stopped, removal);
        if (init->state != GUEST_LEAVING) {
            kill_now(service, init);
        }
    }
}

void service_remove(struct service *service, const char *namespace_id, const char *id,
                    remove_fn *done, void *owner)
{
    const struct pods_tools *tools = pods_tools(service->tools.pods);
    struct container *container = pods_find(service->tools.pods, namespace_id, id);
    struct service_removed how = {0, STATUS_REMOVED, clock_wall()};

    (void)reservation_free(reservations_take(tools->reservations, namespace_id, id));
    if (!container || container->is_gone) {
        done(owner, &how);
    } else {
        remove_begin(service, container, done, owner);
    }
}
