/* SPDX-License-Identifier: Apache-2.0 */
/* Start, Stop, Wait and Shutdown of a sandbox: nothing runs in it, so each is done at once. */
#include "base/log.h"
#include "shim/task/leave.h"
#include "shim/task/remove.h"
#include "shim/task/verb.h"

void verb_sandbox_start(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Sandbox__StartSandboxRequest, sandbox__start_sandbox_request__descriptor)
    Sandbox__StartSandboxResponse response = SANDBOX__START_SANDBOX_RESPONSE__INIT;
    Types__Timestamp started;
    struct fault why = {0};
    struct container *sandbox = verb_sandbox(owner, call, request->sandbox_id, &why);

    if (sandbox && sandbox->init.state != GUEST_CREATED) {
        (void)fault(&why, FAULT_STATE, "cannot start a sandbox that is %s",
                    guest_state_name(sandbox->init.state));
        sandbox = NULL;
    }
    if (!sandbox) {
        ttrpc_refuse(call, &why);
        return;
    }
    guest_move(&sandbox->init, GUEST_RUNNING);
    started = verb_timestamp(sandbox->init.started);
    response.pid = sandbox->init.pid;
    response.created_at = &started;
    ttrpc_answer_message(call, &response.base);
}

static void stopped(void *owner, struct guest *guest)
{
    (void)guest;
    ttrpc_answer_message(owner, NULL);
}

void verb_sandbox_stop(void *owner, own struct ttrpc_call *call)
{
    static const struct run_exit end = {.how = RUN_STOPPED, .code = 0};
    VERB_REQUEST(Sandbox__StopSandboxRequest, sandbox__stop_sandbox_request__descriptor)
    struct fault why = {0};
    struct container *sandbox = verb_sandbox(owner, call, request->sandbox_id, &why);

    if (!sandbox) {
        ttrpc_refuse(call, &why);
        return;
    }
    if (guest_may(&sandbox->init, GUEST_LEAVING)) {
        leave_begin(owner, &sandbox->init, &end);
    }
    if (sandbox->init.state == GUEST_STOPPED) {
        ttrpc_answer_message(call, NULL);
    } else {
        (void)guest_wait(&sandbox->init, stopped, call);
    }
}

static void answer_wait(own struct ttrpc_call *call, const struct guest *guest)
{
    Sandbox__WaitSandboxResponse response = SANDBOX__WAIT_SANDBOX_RESPONSE__INIT;
    Types__Timestamp at = verb_timestamp(guest->ended);

    response.exit_status = guest->status;
    response.exited_at = &at;
    ttrpc_answer_message(call, &response.base);
}

static void ended(void *owner, struct guest *guest)
{
    answer_wait(owner, guest);
}

void verb_sandbox_wait(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Sandbox__WaitSandboxRequest, sandbox__wait_sandbox_request__descriptor)
    struct fault why = {0};
    struct container *sandbox = verb_sandbox(owner, call, request->sandbox_id, &why);

    if (!sandbox) {
        ttrpc_refuse(call, &why);
    } else if (sandbox->init.state == GUEST_STOPPED) {
        answer_wait(call, &sandbox->init);
    } else {
        verb_wait_for(&sandbox->init, ended, call);
    }
}

static void shut_down(void *owner, const struct service_removed *how)
{
    (void)how;
    ttrpc_answer_message(owner, NULL);
}

/*
 * Only this sandbox goes: others live here. One that is not known is gone already, and containerd
 * forgets its side of it only after a success.
 */
void verb_sandbox_shutdown(void *owner, own struct ttrpc_call *call)
{
    struct service *service = owner;
    VERB_REQUEST(Sandbox__ShutdownSandboxRequest, sandbox__shutdown_sandbox_request__descriptor)
    struct container *container =
        pods_find(service->tools.pods, verb_namespace(service, call), request->sandbox_id);

    if (!container || container->is_gone || !container->is_api_sandbox) {
        ttrpc_answer_message(call, NULL);
    } else {
        remove_begin(service, container, shut_down, call);
    }
}
