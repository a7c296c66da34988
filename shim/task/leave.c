/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A leave counts what is still open; at zero, and with no exec left alive, the guest is STOPPED.
 * What may take long has a deadline: an end that nobody learns of is worse than lost words.
 */
#include "shim/task/leave.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "runtime/grant/grant.h"
#include "shim/pod/bundle.h"
#include "shim/pod/prepare.h"
#include "shim/task/verb.h"

enum { OOM_TOLD_NS = 1000000000 };

struct leave {
    struct service *service;
    struct guest *guest;
    unsigned open;
    bool execs_ended; /* all were asked to */
    struct loop_timer *timer; /* for the out-of-memory event */
    int message_done;
    char text[FAULT_TEXT_MAX + 64];
};

static const char *const how_words[] = {
    [RUN_EXITED] = "",
    [RUN_TRAPPED] = "trapped",
    [RUN_OOM] = "out of memory",
    [RUN_KILLED] = "killed",
    [RUN_STOPPED] = "stopped",
    [RUN_FAILED] = "failed",
    [RUN_LOST] = "lost",
};

static bool execs_are_left(const struct container *container)
{
    const struct guest *exec = NULL;

    TAILQ_FOREACH(exec, &container->execs, link) {
        if (exec->state != GUEST_STOPPED) {
            return true;
        }
    }
    return false;
}

static void leave_finish(own struct leave *leave)
{
    struct service *service = leave->service;
    struct guest *guest = leave->guest;
    bool is_exec = guest->id[0] != '\0';

    log_info("task ended", "id=%s/%s exec=%s status=%u%s%s", guest->container->namespace_id,
             guest->container->id, guest->id, guest->status, leave->text[0] != '\0' ? " why=" : "",
             leave->text);
    (void)loop_timer_free(leave->timer);
    free(leave);
    guest->leave = NULL;
    guest->stdio = stdio_close(guest->stdio, service->tools.loop);
    event_exit(service->tools.events, guest);
    guest_move(guest, GUEST_STOPPED);
    if (is_exec) {
        leave_check(guest->container);
    }
}

static void leave_step(struct leave *leave)
{
    const struct guest *guest = leave->guest;
    bool waits = guest->id[0] == '\0' && execs_are_left(guest->container);

    if (leave->open == 0 && leave->execs_ended && !waits) {
        leave_finish(leave);
    }
}

static void part_done(void *owner)
{
    struct leave *leave = owner;

    leave->open--;
    leave_step(leave);
}

void leave_check(struct container *container)
{
    if (container->init.leave) {
        leave_step(container->init.leave);
    }
}

/* ---- the parts ---- */

/* Thread: a pool's. */
static void message_write(void *owner)
{
    struct leave *leave = owner;

    leave->message_done =
        bundle_write_message(leave->guest->grant->termination_log, leave->text);
}

static void message_written(void *owner)
{
    struct leave *leave = owner;

    if (leave->message_done < 0) {
        log_warn("termination message not written", "id=%s: %s", leave->guest->container->id,
                 strerror(-leave->message_done));
    }
    part_done(leave);
}

static void oom_told(void *owner)
{
    struct leave *leave = owner;

    loop_timer_stop(leave->timer);
    part_done(leave);
}

static void oom_late(void *owner)
{
    struct leave *leave = owner;

    events_forget(leave->service->tools.events, leave);
    part_done(leave);
}

/* CRI's reason OOMKilled comes from this event, so it goes ahead of the exit. */
static void tell_oom(struct leave *leave)
{
    const struct container *container = leave->guest->container;
    Event__TaskOOM message = EVENT__TASK_OOM__INIT;

    leave->timer = loop_timer_new(leave->service->tools.loop, oom_late, leave);
    loop_timer_set(leave->timer, OOM_TOLD_NS);
    leave->open++;
    message.container_id = (char *)(uintptr_t)container->id;
    events_publish(leave->service->tools.events, container->namespace_id, &message.base, oom_told,
                   leave);
}

static void end_execs(struct leave *leave)
{
    struct guest *exec = TAILQ_FIRST(&leave->guest->container->execs);

    while (exec) {
        struct guest *next = TAILQ_NEXT(exec, link);

        if (exec->state == GUEST_PREPARING) {
            prepare_cancel(exec->prepare); /* frees it, now or later */
        } else if (exec->state != GUEST_STOPPED) {
            kill_now(leave->service, exec);
        }
        exec = next;
    }
}

static uint32_t exit_status(const struct guest *guest, const struct run_exit *end)
{
    if (end->how == RUN_STOPPED && guest->stop_signal != 0) {
        return 128 + guest->stop_signal;
    }
    return end->code;
}

static void leave_text(struct leave *leave, const struct run_exit *end)
{
    if (end->text[0] != '\0') {
        (void)snprintf(leave->text, sizeof(leave->text), "%s%s%s", how_words[end->how],
                       how_words[end->how][0] != '\0' ? ": " : "", end->text);
    }
}

void leave_begin(struct service *service, struct guest *guest, const struct run_exit *end)
{
    struct leave *leave = NEW(struct leave);
    bool is_init = guest->id[0] == '\0';
    /* What the engine reports, it has written to stderr itself. */
    bool unsaid = end->how == RUN_LOST || guest->state == GUEST_STARTING;

    guest_move(guest, GUEST_LEAVING);
    guest->status = exit_status(guest, end);
    guest->ended = clock_wall();
    guest->leave = leave;
    leave->service = service;
    leave->guest = guest;
    leave_text(leave, end);
    if (leave->text[0] != '\0' && is_init && guest->grant && guest->grant->termination_log) {
        leave->open++;
        loop_work(service->tools.loop, message_write, message_written, leave);
    }
    if (leave->text[0] != '\0' && unsaid && guest->stdio) {
        leave->open++;
        stdio_say(guest->stdio, service->tools.loop, leave->text, part_done, leave);
    }
    if (is_init && end->how == RUN_OOM) {
        tell_oom(leave);
    }
    /* An exec that ends at once looks in here again: not before all are asked. */
    if (is_init) {
        end_execs(leave);
    }
    leave->execs_ended = true;
    leave_step(leave);
}
