/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs of both services share; nobody else includes this.
 *
 * A verb unpacks its request, finds the guest, does its work and ends the call, now or later.
 *
 * Belongs here: those steps' helpers, the list of verbs. Does not belong here: any one verb.
 */
#pragma once

#include "base/fault.h"
#include "shim/pod/container.h"
#include "shim/pod/pods.h"
#include "shim/proto/sandbox.pb-c.h"
#include "shim/proto/task.pb-c.h"
#include "shim/task/event.h"
#include "shim/task/service.h"
#include "shim/task/stdio.h"
#include "shim/ttrpc/message.h"

struct service {
    struct service_tools tools;
    char namespace_id[IDENTIFIER_MAX + 1];
};

#define VERB(method, name) void verb_##name(void *owner, own struct ttrpc_call *call);
#include "shim/task/sandboxes.def"
#include "shim/task/verbs.def"
#undef VERB

/* Declares `request`, unpacked from `call`; or refuses the call and returns from the verb. */
#define VERB_REQUEST(Type, descriptor)                                                             \
    AUTO(message_free) ProtobufCMessage *unpacked_ = verb_unpack(call, &(descriptor));             \
    const Type *request = (const Type *)(const void *)unpacked_;                                   \
    if (!request) {                                                                                \
        return;                                                                                    \
    }

/* The namespace that a call is about; borrowed from both. */
const char *verb_namespace(const struct service *service, const struct ttrpc_call *call);

/* Return: for message_free(); NULL when it could not be read, and the call was refused. */
own ProtobufCMessage *verb_unpack(own struct ttrpc_call *call,
                                  const ProtobufCMessageDescriptor *type);

/**
 * verb_container() - the container that a call is about
 * @service: the service
 * @call:    names the namespace
 * @id:      containerd's
 * @why:     FAULT_NOT_FOUND; also for one that is still PREPARING, or being torn down
 *
 * Return: the container, borrowed, or NULL.
 */
struct container *verb_container(const struct service *service, const struct ttrpc_call *call,
                                 const char *id, struct fault *why);

/* The same for a sandbox of the Sandbox API alone (sandbox_status.c). */
struct container *verb_sandbox(const struct service *service, const struct ttrpc_call *call,
                               const char *id, struct fault *why);

/* The same for a guest: the init for @exec_id "", else an exec that is not PREPARING. */
struct guest *verb_guest(const struct service *service, const struct ttrpc_call *call,
                         const char *id, const char *exec_id, struct fault *why);

/* The hooks by which guests tell the service what becomes of them. */
const struct guest_hooks *verb_hooks(void);

/**
 * verb_adopt() - give a guest that was just admitted to the service
 * @service: the service
 * @guest:   PREPARING
 * @call:    of Create or Exec; passes to the guest
 * @texts:   stdin, stdout, stderr; copied
 */
void verb_adopt(struct service *service, struct guest *guest, own struct ttrpc_call *call,
                const char *const texts[3]);

/* A Create or CreateSandbox was given up: take the container apart, then refuse the call (create.c). */
void create_failed(struct guest *guest, const struct fault *failed);

/* Tell @fn, with @call as its owner, when a guest is STOPPED; the call goes when its connection does
 * (wait.c). */
void verb_wait_for(struct guest *guest, guest_waiter_fn *fn, own struct ttrpc_call *call);

/* A wall time as a message. */
Types__Timestamp verb_timestamp(struct wall_time time);
