/* SPDX-License-Identifier: Apache-2.0 */
/* State: containerd re-attaches by what is echoed here, so it is exactly what it gave. */
#include "shim/task/verb.h"

static const Task__Status statuses[GUEST_STATES] = {
    [GUEST_PREPARING] = TASK__STATUS__UNKNOWN, [GUEST_CREATED] = TASK__STATUS__CREATED,
    [GUEST_STARTING] = TASK__STATUS__CREATED,  [GUEST_RUNNING] = TASK__STATUS__RUNNING,
    [GUEST_PAUSED] = TASK__STATUS__PAUSED,     [GUEST_LEAVING] = TASK__STATUS__RUNNING,
    [GUEST_STOPPED] = TASK__STATUS__STOPPED,
};

void verb_state(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Task__StateRequest, task__state_request__descriptor)
    Task__StateResponse response = TASK__STATE_RESPONSE__INIT;
    Types__Timestamp at;
    struct fault why = {0};
    struct guest *guest = verb_guest(owner, call, request->id, request->exec_id, &why);

    if (!guest) {
        ttrpc_refuse(call, &why);
        return;
    }
    response.id = guest->id[0] != '\0' ? guest->id : guest->container->id;
    response.bundle = guest->container->bundle;
    response.pid = guest->pid;
    response.status = statuses[guest->state];
    response.stdin = guest->in;
    response.stdout = guest->out;
    response.stderr = guest->err;
    response.terminal = guest->terminal;
    response.exec_id = guest->id;
    if (guest->state == GUEST_STOPPED) {
        at = verb_timestamp(guest->ended);
        response.exited_at = &at;
        response.exit_status = guest->status;
    }
    ttrpc_answer_message(call, &response.base);
}
