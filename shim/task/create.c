/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Create: the answer waits until the component could start, or says why it cannot; then nothing is
 * left of it, and the answer says so only when that is true.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "shim/pod/prepare.h"
#include "shim/pod/rootfs.h"
#include "shim/task/remove.h"
#include "shim/task/verb.h"

static int mounts_read(const Task__CreateTaskRequest *request, struct rootfs_mounts *ret,
                       struct fault *why)
{
    if (request->n_rootfs > ROOTFS_MOUNTS_MAX) {
        return fault(why, FAULT_LIMIT, "rootfs has %zu mounts, at most %d", request->n_rootfs,
                     ROOTFS_MOUNTS_MAX);
    }
    for (size_t i = 0; i < request->n_rootfs; i++) {
        if (request->rootfs[i]->n_options > ROOTFS_OPTIONS_MAX) {
            return fault(why, FAULT_LIMIT, "rootfs mount %zu has %zu options, at most %d", i,
                         request->rootfs[i]->n_options, ROOTFS_OPTIONS_MAX);
        }
    }
    if (request->n_rootfs == 0) {
        return 0;
    }
    ret->at = NEW_ARRAY(request->n_rootfs, struct rootfs_mount);
    ret->count = request->n_rootfs;
    for (size_t i = 0; i < ret->count; i++) {
        const Types__Mount *from = request->rootfs[i];
        struct rootfs_mount *to = &ret->at[i];

        to->type = COPY_TEXT(from->type);
        to->source = COPY_TEXT(from->source);
        to->target = COPY_TEXT(from->target);
        to->options = NEW_ARRAY(from->n_options + 1, char *);
        for (to->options_count = 0; to->options_count < from->n_options; to->options_count++) {
            to->options[to->options_count] = COPY_TEXT(from->options[to->options_count]);
        }
    }
    return 0;
}

/* The event repeats the request, which the call still holds. */
static void publish_created(struct service *service, const struct guest *guest)
{
    AUTO(message_free) ProtobufCMessage *unpacked = NULL;
    Event__TaskCreate message = EVENT__TASK_CREATE__INIT;
    Event__TaskIO io = EVENT__TASK_IO__INIT;
    const Task__CreateTaskRequest *request = NULL;
    struct fault why = {0};

    if (ttrpc_unpack(guest->call, &task__create_task_request__descriptor, &unpacked, &why) < 0) {
        return;
    }
    request = (const Task__CreateTaskRequest *)(const void *)unpacked;
    io.stdin = request->stdin;
    io.stdout = request->stdout;
    io.stderr = request->stderr;
    io.terminal = request->terminal;
    message.container_id = request->id;
    message.bundle = request->bundle;
    message.n_rootfs = request->n_rootfs;
    message.rootfs = request->rootfs;
    message.io = &io;
    message.checkpoint = request->checkpoint;
    message.pid = guest->pid;
    events_publish(service->tools.events, guest->container->namespace_id, &message.base, NULL,
                   NULL);
}

struct failure {
    struct ttrpc_call *call;
    struct fault why;
};

static void failure_told(void *owner)
{
    struct failure *failure = owner;

    ttrpc_refuse(failure->call, &failure->why);
    free(failure);
}

void create_failed(struct guest *guest, const struct fault *failed)
{
    struct container *container = guest->container;
    struct failure *failure = NEW(struct failure);

    log_warn("create failed", "id=%s/%s: %s", container->namespace_id, container->id, failed->text);
    failure->call = TAKE(guest->call);
    failure->why = *failed;
    remove_now(guest->owner, container, failure_told, failure);
}

static void created(struct guest *guest, const struct fault *failed)
{
    struct service *service = guest->owner;
    struct container *container = guest->container;
    Task__CreateTaskResponse response = TASK__CREATE_TASK_RESPONSE__INIT;

    if (failed) {
        create_failed(guest, failed);
        return;
    }
    guest_move(guest, GUEST_CREATED);
    publish_created(service, guest);
    response.pid = guest->pid;
    ttrpc_answer_message(TAKE(guest->call), &response.base);
    log_info("task created", "id=%s/%s pid=%u domain=%s", container->namespace_id, container->id,
             guest->pid, container->domain);
}

/* Checks, admits, and copies what outlives the call. */
static int admit(struct service *service, struct ttrpc_call *call,
                 const Task__CreateTaskRequest *request, struct guest **ret, struct fault *why)
{
    const struct pods_name name = {verb_namespace(service, call), request->id, request->bundle};
    const char *const texts[] = {request->stdin, request->stdout, request->stderr};
    struct container *container = NULL;

    if (request->checkpoint[0] != '\0') {
        /* Not "not implemented": containerd 2.x would then try the older service. */
        return fault(why, FAULT_INVALID, "a component cannot be restored from a checkpoint");
    }
    TRY(pods_admit(service->tools.pods, &name, &container, why));
    container->init.terminal = request->terminal;
    verb_adopt(service, &container->init, call, texts);
    *ret = &container->init;
    return 0;
}

void verb_create(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Task__CreateTaskRequest, task__create_task_request__descriptor)
    struct rootfs_mounts mounts = {0};
    uint64_t began_ns = clock_now_ns();
    struct guest *guest = NULL;
    struct fault why = {0};

    if (mounts_read(request, &mounts, &why) < 0 || admit(owner, call, request, &guest, &why) < 0) {
        ttrpc_refuse(call, &why);
    } else {
        guest->container->own_ns = clock_now_ns() - began_ns;
        prepare_container(guest, &mounts, created);
    }
    rootfs_mounts_fini(&mounts);
}
