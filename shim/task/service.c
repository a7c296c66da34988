/* SPDX-License-Identifier: Apache-2.0 */
/* The same functions serve both versions of the task service: their messages are identical. */
#include "shim/task/service.h"

#include <stdio.h>
#include <string.h>

#include "shim/task/leave.h"
#include "shim/task/verb.h"

static const struct ttrpc_method methods[] = {
#define VERB(method, name) {"containerd.task.v2.Task", #method, verb_##name},
#include "shim/task/verbs.def"
#undef VERB
#define VERB(method, name) {"containerd.task.v3.Task", #method, verb_##name},
#include "shim/task/verbs.def"
#undef VERB
#define VERB(method, name) {"containerd.runtime.sandbox.v1.Sandbox", #method, verb_##name},
#include "shim/task/sandboxes.def"
#undef VERB
    {NULL, NULL, NULL},
};

own struct service *service_new(const struct service_tools *tools, const char *namespace_id)
{
    struct service *service = NEW(struct service);

    service->tools = *tools;
    (void)snprintf(service->namespace_id, sizeof(service->namespace_id), "%s", namespace_id);
    return service;
}

struct service *service_free(own struct service *service)
{
    free(service);
    return NULL;
}

const struct ttrpc_method *service_methods(void)
{
    return methods;
}

const char *verb_namespace(const struct service *service, const struct ttrpc_call *call)
{
    const char *said = ttrpc_namespace(call);

    return said[0] != '\0' ? said : service->namespace_id;
}

own ProtobufCMessage *verb_unpack(own struct ttrpc_call *call,
                                  const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = NULL;
    struct fault why = {0};

    if (ttrpc_unpack(call, type, &message, &why) < 0) {
        ttrpc_refuse(call, &why);
        return NULL;
    }
    return message;
}

struct container *verb_container(const struct service *service, const struct ttrpc_call *call,
                                 const char *id, struct fault *why)
{
    struct container *container =
        pods_find(service->tools.pods, verb_namespace(service, call), id);

    if (!container || container->is_gone || container->init.state == GUEST_PREPARING) {
        (void)fault(why, FAULT_NOT_FOUND, "container not created");
        return NULL;
    }
    return container;
}

struct guest *verb_guest(const struct service *service, const struct ttrpc_call *call,
                         const char *id, const char *exec_id, struct fault *why)
{
    struct container *container = verb_container(service, call, id, why);
    struct guest *guest = container ? container_guest(container, exec_id) : NULL;

    if (container && (!guest || guest->state == GUEST_PREPARING)) {
        (void)fault(why, FAULT_NOT_FOUND, "process does not exist %.100s", exec_id);
        return NULL;
    }
    return guest;
}

/* Thread: a pool's. */
static int hook_open(struct guest *guest, struct fault *why)
{
    const struct stdio_plan plan = {.in = guest->in,
                                    .out = guest->out,
                                    .err = guest->err,
                                    .terminal = guest->terminal,
                                    .namespace_id = guest->container->namespace_id,
                                    .id = guest->container->id};

    return stdio_open(&plan, &guest->stdio, why);
}

static void hook_exited(struct guest *guest, const struct run_exit *end)
{
    if (guest_may(guest, GUEST_LEAVING)) {
        leave_begin(guest->owner, guest, end);
    }
}

const struct guest_hooks *verb_hooks(void)
{
    static const struct guest_hooks hooks = {hook_open, start_confirmed, hook_exited};

    return &hooks;
}

void verb_adopt(struct service *service, struct guest *guest, own struct ttrpc_call *call,
                const char *const texts[3])
{
    guest->hooks = verb_hooks();
    guest->owner = service;
    guest->call = call;
    guest->pid = pods_pid(service->tools.pods);
    guest->in = COPY_TEXT(texts[0]);
    guest->out = COPY_TEXT(texts[1]);
    guest->err = COPY_TEXT(texts[2]);
}

Types__Timestamp verb_timestamp(struct wall_time time)
{
    Types__Timestamp stamp = TYPES__TIMESTAMP__INIT;

    stamp.seconds = time.seconds;
    stamp.nanos = time.nanos;
    return stamp;
}
