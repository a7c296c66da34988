/* SPDX-License-Identifier: Apache-2.0 */
/* Delete: of a guest that has ended, or never began. A Create that is still under way gives up. */
#include "shim/task/leave.h"
#include "shim/task/remove.h"
#include "shim/task/verb.h"


static void answer(own struct ttrpc_call *call, const struct service_removed *how)
{
    Task__DeleteResponse response = TASK__DELETE_RESPONSE__INIT;
    Types__Timestamp at = verb_timestamp(how->ended);

    response.pid = how->pid;
    response.exit_status = how->status;
    response.exited_at = &at;
    ttrpc_answer_message(call, &response.base);
}

static void deleted(void *owner, const struct service_removed *how)
{
    answer(owner, how);
}

static int may_delete(const struct guest *guest, struct fault *why)
{
    if (guest->state == GUEST_STOPPED || guest->state == GUEST_CREATED) {
        return 0;
    }
    return fault(why, FAULT_STATE, "cannot delete a process that is %s",
                 guest_state_name(guest->state));
}

static void delete_exec(struct service *service, struct guest *exec, own struct ttrpc_call *call)
{
    struct service_removed how = {0};
    struct fault why = {0};

    if (may_delete(exec, &why) < 0) {
        ttrpc_refuse(call, &why);
        return;
    }
    if (exec->state == GUEST_CREATED) {
        kill_now(service, exec);
    }
    how = (struct service_removed){exec->pid, exec->status, exec->ended};
    container_remove_exec(exec);
    answer(call, &how);
}

static void delete_init(struct service *service, struct container *container,
                        own struct ttrpc_call *call)
{
    struct guest *init = &container->init;
    struct fault why = {0};

    if (init->state != GUEST_PREPARING && may_delete(init, &why) < 0) {
        ttrpc_refuse(call, &why);
        return;
    }
    if (init->state == GUEST_CREATED) {
        kill_now(service, init); /* its Waits are answered, its exit published */
    }
    if (init->state == GUEST_STOPPED) {
        event_delete(service->tools.events, init);
    }
    remove_begin(service, container, deleted, call);
}

void verb_delete(void *owner, own struct ttrpc_call *call)
{
    struct service *service = owner;
    VERB_REQUEST(Task__DeleteRequest, task__delete_request__descriptor)
    struct fault why = {0};
    struct guest *exec = NULL;
    struct container *container =
        pods_find(service->tools.pods, verb_namespace(service, call), request->id);

    if (request->exec_id[0] != '\0') {
        exec = verb_guest(service, call, request->id, request->exec_id, &why);
        if (exec) {
            delete_exec(service, exec, call);
        } else {
            ttrpc_refuse(call, &why);
        }
    } else if (!container || container->is_gone) {
        (void)fault(&why, FAULT_NOT_FOUND, "container not created");
        ttrpc_refuse(call, &why);
    } else {
        delete_init(service, container, call);
    }
}
