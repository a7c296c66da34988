/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods: all containers of this daemon, by (namespace, id), from admission to removal.
 *
 * Ids repeat across namespaces, and containerd never asks about a container without its namespace.
 *
 * Belongs here: the table, its ceiling, numbers that look like pids.
 * Does not belong here: what a container is (container.h), promises of containers (reservation.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct container;
struct fault;
struct image_reader;
struct loop;
struct pods;
struct reservations;
struct supervisor;

enum {
    PODS_MAX = 65536,        /* containers */
    PODS_PID_ABOVE = 4194304 /* the kernel's own ceiling of pids (PID_MAX_LIMIT) */
};

/* What containers are made with; borrowed, must outlive the pods. */
struct pods_tools {
    struct loop *loop;
    struct supervisor *supervisor;
    struct image_reader *images;
    struct reservations *reservations;
};

own struct pods *pods_new(const struct pods_tools *tools) MUST_USE;
/* Every container must be taken out before. NULL in, NULL out. */
struct pods *pods_free(own struct pods *pods);
DEFINE_AUTO(struct pods *, pods_free)

const struct pods_tools *pods_tools(const struct pods *pods);

/* Who a container is: identifiers of containerd, and the absolute path of its bundle. */
struct pods_name {
    const char *namespace_id;
    const char *id;
    const char *bundle;
};

/**
 * pods_check() - is that a name which containerd could use?
 * @name: the name
 * @why:  FAULT_INVALID naming the part
 *
 * Return: 0 or negative.
 */
int pods_check(const struct pods_name *name, struct fault *why) MUST_USE;

/**
 * pods_admit() - take in a new container
 * @pods: the pods
 * @name: who it is; copied
 * @ret:  the container, borrowed until pods_take()
 * @why:  FAULT_EXISTS, FAULT_LIMIT, or as pods_check()
 *
 * Return: 0 or negative.
 */
int pods_admit(struct pods *pods, const struct pods_name *name, struct container **ret,
               struct fault *why) MUST_USE;

/* The container, or NULL; one that is still PREPARING is found as well. */
struct container *pods_find(struct pods *pods, const char *namespace_id, const char *id);

/* From now on the sandbox is found by its pid, which does not change any more. */
void pods_name_sandbox(struct container *sandbox);

/* The sandbox of a namespace that reports this pid, or NULL. */
struct container *pods_find_sandbox(struct pods *pods, const char *namespace_id, uint64_t pid);

/* Forgets a container; it is then the caller's, for container_free(). */
own struct container *pods_take(struct container *container) MUST_USE;

size_t pods_count(const struct pods *pods);

/* The next in order of (namespace, id); the first after NULL; NULL at the end. */
struct container *pods_next(struct pods *pods, struct container *after);

/* The first behind that place in the order, whether or not there is still one at it. */
struct container *pods_behind(struct pods *pods, const char *namespace_id, const char *id);

/**
 * pods_pid() - a number for a guest that has no process
 * @pods: the pods
 *
 * Above what the kernel gives to any process or thread, so it names nobody, and not in use here.
 *
 * Return: above PODS_PID_ABOVE, below 2^31.
 */
uint32_t pods_pid(struct pods *pods);
