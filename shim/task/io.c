/* SPDX-License-Identifier: Apache-2.0 */
/* CloseIO and ResizePty: containerd's hand on a guest's stdio. */
#include "shim/task/verb.h"

void verb_closeio(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Task__CloseIORequest, task__close_iorequest__descriptor)
    struct fault why = {0};
    struct guest *guest = verb_guest(owner, call, request->id, request->exec_id, &why);

    if (!guest) {
        ttrpc_refuse(call, &why);
        return;
    }
    if (request->stdin && guest->stdio) {
        stdio_close_in(guest->stdio);
    }
    ttrpc_answer_message(call, NULL);
}

/* There is no terminal whose size could change; clients ask all the same. */
void verb_resize(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Task__ResizePtyRequest, task__resize_pty_request__descriptor)
    struct fault why = {0};

    if (!verb_guest(owner, call, request->id, request->exec_id, &why)) {
        ttrpc_refuse(call, &why);
        return;
    }
    ttrpc_answer_message(call, NULL);
}
