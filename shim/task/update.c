/* SPDX-License-Identifier: Apache-2.0 */
/* Update: new limits for what runs; what is already held stays. */
#include <string.h>

#include "runtime/grant/decide.h"
#include "runtime/spec/spec.h"
#include "shim/task/verb.h"

static int limits_read(const Task__UpdateTaskRequest *request, struct grant_limits *limits,
                       struct fault *why)
{
    static const char type[] = "opencontainers/runtime-spec/1/LinuxResources";
    struct spec_resources resources = {0};
    struct text json = {NULL, 0};

    if (!request->resources) {
        return fault(why, FAULT_INVALID, "an update needs resources");
    }
    if (!strstr(request->resources->type_url, type)) {
        return fault(why, FAULT_INVALID, "an update of type %.100s is not known; %s is",
                     request->resources->type_url, type);
    }
    json.at = (const char *)request->resources->value.data;
    json.length = request->resources->value.len;
    TRY(spec_parse_resources(json, &resources, why));
    return decide_limits(&resources, limits, why);
}

static int update(struct container *container, const Task__UpdateTaskRequest *request,
                  struct fault *why)
{
    struct guest *init = &container->init;
    struct grant_limits limits = {0};

    if (init->state == GUEST_STOPPED || init->state == GUEST_LEAVING) {
        return fault(why, FAULT_NOT_FOUND, "process already finished");
    }
    if (!init->grant) {
        return 0;
    }
    limits = init->grant->limits;
    TRY(limits_read(request, &limits, why));
    init->grant->limits = limits;
    if (init->run && !init->is_virtual) {
        run_update(init->run, &limits);
    }
    return 0;
}

void verb_update(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Task__UpdateTaskRequest, task__update_task_request__descriptor)
    struct fault why = {0};
    struct container *container = verb_container(owner, call, request->id, &why);

    if (!container || update(container, request, &why) < 0) {
        ttrpc_refuse(call, &why);
        return;
    }
    ttrpc_answer_message(call, NULL);
}
