/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait: pending for as long as the guest lives, hundreds at once. One costs its call and a list
 * entry, and goes when its connection does.
 */
#include "shim/task/verb.h"

static void answer(own struct ttrpc_call *call, const struct guest *guest)
{
    Task__WaitResponse response = TASK__WAIT_RESPONSE__INIT;
    Types__Timestamp at = verb_timestamp(guest->ended);

    response.exit_status = guest->status;
    response.exited_at = &at;
    ttrpc_answer_message(call, &response.base);
}

static void stopped(void *owner, struct guest *guest)
{
    answer(owner, guest);
}

static void gone(void *owner, struct ttrpc_call *call)
{
    guest_forget(owner);
    ttrpc_answer_message(call, NULL); /* to nobody: it only ends the call */
}

void verb_wait_for(struct guest *guest, guest_waiter_fn *fn, own struct ttrpc_call *call)
{
    ttrpc_on_gone(call, gone, guest_wait(guest, fn, call));
}

void verb_wait(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Task__WaitRequest, task__wait_request__descriptor)
    struct fault why = {0};
    struct guest *guest = verb_guest(owner, call, request->id, request->exec_id, &why);

    if (!guest) {
        ttrpc_refuse(call, &why);
    } else if (guest->state == GUEST_STOPPED) {
        answer(call, guest);
    } else {
        verb_wait_for(guest, stopped, call);
    }
}
