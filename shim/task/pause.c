/* SPDX-License-Identifier: Apache-2.0 */
/* Pause, Resume, Checkpoint. Paused, no code of the container's guests runs. */
#include "shim/task/verb.h"

static void guest_pause(struct guest *guest, bool pause)
{
    if (guest->state == (pause ? GUEST_RUNNING : GUEST_PAUSED)) {
        if (guest->run && !guest->is_virtual && pause) {
            run_pause(guest->run);
        } else if (guest->run && !guest->is_virtual) {
            run_resume(guest->run);
        }
        guest_move(guest, pause ? GUEST_PAUSED : GUEST_RUNNING);
    }
}

static void all_pause(struct container *container, bool pause)
{
    struct guest *exec = NULL;

    guest_pause(&container->init, pause);
    TAILQ_FOREACH(exec, &container->execs, link) {
        guest_pause(exec, pause);
    }
}

static int may_pause(const struct container *container, bool pause, struct fault *why)
{
    enum guest_state wanted = pause ? GUEST_RUNNING : GUEST_PAUSED;

    if (container->init.state == wanted) {
        return 0;
    }
    return fault(why, FAULT_STATE, "cannot %s a container that is %s", pause ? "pause" : "resume",
                 guest_state_name(container->init.state));
}

void verb_pause(void *owner, own struct ttrpc_call *call)
{
    struct service *service = owner;
    VERB_REQUEST(Task__PauseRequest, task__pause_request__descriptor)
    Event__TaskPaused message = EVENT__TASK_PAUSED__INIT;
    struct fault why = {0};
    struct container *container = verb_container(service, call, request->id, &why);

    if (!container || may_pause(container, true, &why) < 0) {
        ttrpc_refuse(call, &why);
        return;
    }
    all_pause(container, true);
    message.container_id = container->id;
    events_publish(service->tools.events, container->namespace_id, &message.base, NULL, NULL);
    ttrpc_answer_message(call, NULL);
}

void verb_resume(void *owner, own struct ttrpc_call *call)
{
    struct service *service = owner;
    VERB_REQUEST(Task__ResumeRequest, task__resume_request__descriptor)
    Event__TaskResumed message = EVENT__TASK_RESUMED__INIT;
    struct fault why = {0};
    struct container *container = verb_container(service, call, request->id, &why);

    if (!container || may_pause(container, false, &why) < 0) {
        ttrpc_refuse(call, &why);
        return;
    }
    all_pause(container, false);
    message.container_id = container->id;
    events_publish(service->tools.events, container->namespace_id, &message.base, NULL, NULL);
    ttrpc_answer_message(call, NULL);
}

void verb_checkpoint(void *owner, own struct ttrpc_call *call)
{
    struct fault why = {0};

    (void)owner;
    (void)fault(&why, FAULT_UNSUPPORTED, "a component cannot be checkpointed");
    ttrpc_refuse(call, &why);
}
