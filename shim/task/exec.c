/* SPDX-License-Identifier: Apache-2.0 */
/* Exec: registers another command of the container; answered when it could start. */
#include <string.h>

#include "base/log.h"
#include "shim/pod/prepare.h"
#include "shim/task/leave.h"
#include "shim/task/verb.h"

/* An exec that nobody waited for any longer would stay behind: its client never learned of it. */
static bool came_too_late(const struct ttrpc_call *call)
{
    uint64_t deadline = ttrpc_deadline_ns(call);

    return deadline != 0 && clock_now_ns() > deadline;
}

static void exec_failed(struct service *service, struct guest *exec, const struct fault *failed)
{
    struct container *container = exec->container;

    log_warn("exec failed", "id=%s/%s exec=%s: %s", container->namespace_id, container->id,
             exec->id, failed->text);
    ttrpc_refuse(TAKE(exec->call), failed);
    exec->stdio = stdio_close(exec->stdio, service->tools.loop);
    container_remove_exec(exec);
    leave_check(container);
}

static void exec_prepared(struct guest *exec, const struct fault *failed)
{
    struct service *service = exec->owner;
    Event__TaskExecAdded message = EVENT__TASK_EXEC_ADDED__INIT;
    struct fault why = {0};

    if (!failed && came_too_late(exec->call)) {
        (void)fault(&why, FAULT_TIMEOUT, "exec %s was ready too late", exec->id);
        failed = &why;
    }
    if (failed) {
        exec_failed(service, exec, failed);
        return;
    }
    guest_move(exec, GUEST_CREATED);
    message.container_id = exec->container->id;
    message.exec_id = exec->id;
    events_publish(service->tools.events, exec->container->namespace_id, &message.base, NULL,
                   NULL);
    ttrpc_answer_message(TAKE(exec->call), NULL);
}

static int admit(struct service *service, struct ttrpc_call *call,
                 const Task__ExecProcessRequest *request, struct guest **ret, struct fault *why)
{
    const char *const texts[] = {request->stdin, request->stdout, request->stderr};
    struct container *container = verb_container(service, call, request->id, why);

    if (!container) {
        return -1;
    }
    if (!text_is_identifier(text_of(request->exec_id))) {
        return fault(why, FAULT_INVALID, "the exec id \"%.100s\" is no identifier",
                     request->exec_id);
    }
    if (!request->spec) {
        return fault(why, FAULT_INVALID, "an exec needs a process");
    }
    if (container->init.state != GUEST_RUNNING) {
        return fault(why, FAULT_STATE, "container %s init process is not running", container->id);
    }
    TRY(container_admit_exec(container, request->exec_id, ret, why));
    (*ret)->terminal = request->terminal;
    verb_adopt(service, *ret, call, texts);
    return 0;
}

void verb_exec(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Task__ExecProcessRequest, task__exec_process_request__descriptor)
    struct guest *exec = NULL;
    struct fault why = {0};

    if (admit(owner, call, request, &exec, &why) < 0) {
        ttrpc_refuse(call, &why);
        return;
    }
    prepare_exec(exec,
                 (struct text){(const char *)request->spec->value.data, request->spec->value.len},
                 exec_prepared);
}
