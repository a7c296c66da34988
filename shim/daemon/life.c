/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer looks four times within the idle time. The end happens under the launchers' lock, so
 * that none of them starts a second daemon, or finds this one's sockets, while it goes; one that
 * had connected before is seen by is_needed(), or is told by its broken connection to look again.
 */
#include "shim/daemon/life.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "shim/control.h"

enum { LEAVING_LOOK_MS = 200 };

struct life {
    struct life_plan plan;
    struct loop_timer *timer;
    struct loop_signal *term;
    struct loop_signal *interrupt;
    uint64_t needed_ns; /* when something was last seen to need it */
    bool asked;         /* by a signal */
    int lock;           /* held while ending, and until the program has ended */
};

static uint64_t look_ns(const struct life *life)
{
    uint64_t quarter = life->plan.idle_ns / 4;

    return life->asked ? LEAVING_LOOK_MS * NS_PER_MS : quarter + NS_PER_MS;
}

/* Return: the lock, or negative errno; -ENOENT: the folder has gone, and with it all launchers' way. */
static int lock_try(const char *folder)
{
    AUTO(fd_close) int lock = -1;
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/" CONTROL_LOCK, folder);
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0) {
        return -errno;
    }
    return TAKE_FD(lock);
}

/* Is it over? */
static bool try_to_end(struct life *life)
{
    life->lock = lock_try(life->plan.folder);
    if (life->lock < 0 && life->lock != -ENOENT) {
        return false; /* a launcher is just looking for us */
    }
    if (life->plan.is_needed(life->plan.owner)) {
        life->lock = fd_close(life->lock);
        return false;
    }
    log_info("ending", "%s", life->asked ? "asked to, and nothing lives" : "idle");
    life->plan.ending(life->plan.owner);
    loop_stop(life->plan.loop);
    return true;
}

static void look(void *owner)
{
    struct life *life = owner;
    uint64_t now = clock_now_ns();

    if (life->plan.is_needed(life->plan.owner)) {
        life->needed_ns = now;
    } else if ((life->asked || now - life->needed_ns >= life->plan.idle_ns) && try_to_end(life)) {
        return;
    }
    loop_timer_set(life->timer, look_ns(life));
}

static void asked_to_end(void *owner)
{
    struct life *life = owner;

    if (life->plan.is_needed(life->plan.owner)) {
        log_warn("asked to end while tasks live", "%s", "it will, when the last has gone");
    }
    life->asked = true;
    look(life);
}

own struct life *life_new(const struct life_plan *plan)
{
    struct life *life = NEW(struct life);

    life->plan = *plan;
    life->lock = -1;
    life->needed_ns = clock_now_ns();
    life->timer = loop_timer_new(plan->loop, look, life);
    life->term = loop_signal_new(plan->loop, SIGTERM, asked_to_end, life);
    life->interrupt = loop_signal_new(plan->loop, SIGINT, asked_to_end, life);
    loop_timer_set(life->timer, look_ns(life));
    return life;
}

struct life *life_free(own struct life *life)
{
    if (life) {
        life->timer = loop_timer_free(life->timer);
        life->term = loop_signal_free(life->term);
        life->interrupt = loop_signal_free(life->interrupt);
        (void)fd_close(life->lock);
        free(life);
    }
    return NULL;
}
