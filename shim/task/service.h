/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The task service: containerd.task.v2.Task and containerd.task.v3.Task, one verb a file; and the
 * service of sandboxes, containerd.runtime.sandbox.v1.Sandbox (sandbox_….c).
 *
 * Belongs here: the method table and what the verbs share: finding the guest that a call is about,
 * the end of a guest.
 * Does not belong here: frames and connections (shim/ttrpc), how a guest is made (shim/pod).
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/clock.h"
#include "shim/ttrpc/server.h"

struct events;
struct fault;
struct guest;
struct loop;
struct pods;
struct service;

/* Borrowed; must outlive the service. */
struct service_tools {
    struct loop *loop;
    struct pods *pods;
    struct events *events;
};

/**
 * service_new() - a task service
 * @tools:        copied
 * @namespace_id: of calls that do not say theirs (containerd 1.6); at most IDENTIFIER_MAX bytes,
 *                "" to refuse these
 *
 * Several may share the same tools, and then serve the same containers.
 *
 * Return: the service, owned by the caller.
 */
own struct service *service_new(const struct service_tools *tools,
                                const char *namespace_id) MUST_USE;
/* No container that came through it may be left. NULL in, NULL out. */
struct service *service_free(own struct service *service);
DEFINE_AUTO(struct service *, service_free)

/* For ttrpc_server_new(), whose owner is then the service. */
const struct ttrpc_method *service_methods(void);

/* How a task that was removed had ended. */
struct service_removed {
    uint32_t pid;
    uint32_t status;
    struct wall_time ended;
};

/**
 * service_remove() - remove a task by force, whatever its state (`delete` of the launcher)
 * @service:      the service
 * @namespace_id: containerd's
 * @id:           the container's
 * @done:         told once how it ended, in a later turn or from inside this call; a task that is
 *                not known ended with 137 just now
 * @owner:        for @done
 */
void service_remove(struct service *service, const char *namespace_id, const char *id,
                    void (*done)(void *owner, const struct service_removed *how), void *owner);
