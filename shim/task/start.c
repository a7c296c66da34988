/* SPDX-License-Identifier: Apache-2.0 */
/* Start: of a container's init, or of an exec; answered when the worker says that it runs. */
#include <stdio.h>

#include "base/fd.h"
#include "base/log.h"
#include "shim/task/leave.h"
#include "shim/task/verb.h"

static void publish_started(struct service *service, const struct guest *guest)
{
    const struct container *container = guest->container;
    Event__TaskStart start = EVENT__TASK_START__INIT;
    Event__TaskExecStarted exec = EVENT__TASK_EXEC_STARTED__INIT;

    start.container_id = (char *)(uintptr_t)container->id;
    start.pid = guest->pid;
    exec.container_id = start.container_id;
    exec.exec_id = (char *)(uintptr_t)guest->id;
    exec.pid = guest->pid;
    events_publish(service->tools.events, container->namespace_id,
                   guest->id[0] == '\0' ? &start.base : &exec.base, NULL, NULL);
}

static void start_failed(struct service *service, struct guest *guest, const struct fault *failed)
{
    struct run_exit end = {.how = RUN_FAILED, .code = 128};

    log_warn("start failed", "id=%s/%s exec=%s: %s", guest->container->namespace_id,
             guest->container->id, guest->id, failed->text);
    ttrpc_refuse(TAKE(guest->call), failed);
    (void)snprintf(end.text, sizeof(end.text), "%s", failed->text);
    leave_begin(service, guest, &end);
}

void start_confirmed(struct guest *guest, const struct fault *failed)
{
    struct service *service = guest->owner;
    Task__StartResponse response = TASK__START_RESPONSE__INIT;

    if (failed) {
        start_failed(service, guest, failed);
        return;
    }
    guest_move(guest, GUEST_RUNNING);
    publish_started(service, guest);
    response.pid = guest->pid;
    ttrpc_answer_message(TAKE(guest->call), &response.base);
    if (guest->kill_at_start != 0) {
        kill_guest(service, guest, guest->kill_at_start);
    }
}

static int may_start(const struct guest *guest, struct fault *why)
{
    const struct container *container = guest->container;

    if (guest->id[0] != '\0' && container->init.state == GUEST_PAUSED) {
        return fault(why, FAULT_STATE, "container %s is paused", container->id);
    }
    if (guest->id[0] != '\0' && container->init.state != GUEST_RUNNING) {
        return fault(why, FAULT_STATE, "container %s init process is not running", container->id);
    }
    if (guest->state != GUEST_CREATED) {
        return fault(why, FAULT_STATE, "cannot start a process that is %s",
                     guest_state_name(guest->state));
    }
    return 0;
}

static void ends_close(struct run_stdio *ends)
{
    ends->in = fd_close(ends->in);
    ends->out = fd_close(ends->out);
    ends->err = fd_close(ends->err);
}

/* A library of a pod waits to be linked to the others; what it then writes is its own. */
static int provide(struct guest *guest, struct fault *why)
{
    struct run_stdio ends = {-1, -1, -1};

    if (!guest->run || !guest->container->pod) {
        return 0;
    }
    TRY(stdio_take(guest->stdio, &ends, why));
    if (run_provide(guest->run, &ends, why) < 0) {
        ends_close(&ends);
        return -1;
    }
    return 0;
}

/* Return: 0, confirmed now or later; or negative, with nothing changed but the stdio. */
static int start(struct guest *guest, struct fault *why)
{
    struct run_stdio ends = {-1, -1, -1};

    if (guest->is_virtual) {
        TRY(provide(guest, why));
        guest_move(guest, GUEST_STARTING);
        start_confirmed(guest, NULL);
        return 0;
    }
    TRY(stdio_take(guest->stdio, &ends, why));
    if (run_start(guest->run, &ends, why) < 0) {
        ends_close(&ends);
        return -1;
    }
    guest_move(guest, GUEST_STARTING);
    return 0;
}

void verb_start(void *owner, own struct ttrpc_call *call)
{
    struct service *service = owner;
    VERB_REQUEST(Task__StartRequest, task__start_request__descriptor)
    struct fault why = {0};
    struct guest *guest = verb_guest(service, call, request->id, request->exec_id, &why);

    if (!guest || may_start(guest, &why) < 0) {
        ttrpc_refuse(call, &why);
        return;
    }
    guest->call = call;
    if (start(guest, &why) < 0) {
        guest_move(guest, GUEST_STARTING);
        start_failed(service, guest, &why);
    }
}
