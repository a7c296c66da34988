/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kill. A component has no signals: some ask it to end, one ends it, the others it cannot notice.
 *
 *   a server    closes its listener and finishes what it began, until SIGKILL comes
 *   a command   ends at once, unless it is annotated skep.dev/on-term: wait
 *   nothing that runs (a pause, a library, a guest not started) just ends
 */
#include <signal.h>

#include "runtime/grant/grant.h"
#include "shim/task/leave.h"
#include "shim/task/verb.h"

enum { SIGNALS_MAX = 64 };

/* Whoever wants it sooner sends SIGKILL; containerd does, after the grace period. */
#define GRACE_NS (24ULL * 3600 * NS_PER_S)

static bool asks_to_end(unsigned number)
{
    return number == SIGTERM || number == SIGINT || number == SIGQUIT;
}

static void end_what_does_not_run(struct service *service, struct guest *guest, unsigned number)
{
    const struct run_exit end = {.how = number == SIGKILL ? RUN_KILLED : RUN_STOPPED,
                                 .code = 128 + number};

    if (guest->run) {
        run_kill(guest->run); /* a library provides no more */
    }
    leave_begin(service, guest, &end);
}

static void ask_to_end(struct guest *guest, unsigned number)
{
    bool waits = guest->kind == RUN_COMMAND && guest->grant && guest->grant->on_term_wait;

    if (!waits) {
        guest->stop_signal = number;
        run_drain(guest->run, guest->kind == RUN_SERVER ? GRACE_NS : 0);
    }
}

void kill_guest(struct service *service, struct guest *guest, unsigned number)
{
    bool ends = number == SIGKILL;

    if (!ends && !asks_to_end(number)) {
        return;
    }
    if (guest->state == GUEST_STARTING) {
        guest->kill_at_start = guest->kill_at_start == SIGKILL ? SIGKILL : number;
    } else if (guest->state == GUEST_CREATED || (guest->is_virtual && guest_is_live(guest) &&
                                                 guest->state != GUEST_LEAVING)) {
        end_what_does_not_run(service, guest, number);
    } else if (guest->state == GUEST_RUNNING || guest->state == GUEST_PAUSED) {
        if (ends) {
            run_kill(guest->run);
        } else {
            ask_to_end(guest, number);
        }
    }
}

void kill_now(struct service *service, struct guest *guest)
{
    kill_guest(service, guest, SIGKILL);
}

static void kill_execs(struct service *service, struct container *container, unsigned number)
{
    struct guest *exec = NULL;

    TAILQ_FOREACH(exec, &container->execs, link) {
        kill_guest(service, exec, number);
    }
}

void verb_kill(void *owner, own struct ttrpc_call *call)
{
    struct service *service = owner;
    VERB_REQUEST(Task__KillRequest, task__kill_request__descriptor)
    struct fault why = {0};
    struct guest *guest = verb_guest(service, call, request->id, request->exec_id, &why);
    int failed = guest ? 0 : -1;

    if (guest && request->signal > SIGNALS_MAX) {
        failed = fault(&why, FAULT_INVALID, "there is no signal %u", request->signal);
    } else if (guest && guest->state == GUEST_STOPPED) {
        failed = fault(&why, FAULT_NOT_FOUND, "process already finished");
    }
    if (failed < 0) {
        ttrpc_refuse(call, &why);
        return;
    }
    if (request->all && request->exec_id[0] == '\0') {
        kill_execs(service, guest->container, request->signal);
    }
    kill_guest(service, guest, request->signal);
    ttrpc_answer_message(call, NULL);
}
