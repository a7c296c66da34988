/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A red-black tree, so that listings and tests are in a stable order. Sandboxes are in a second one:
 * every container of a pod is created with the pid of its sandbox.
 */
#include "shim/pod/pods.h"

#include <assert.h>
#include <string.h>

#include "base/fault.h"
#include "base/loop.h"
#include "base/text.h"
#include "shim/pod/container.h"

enum { PODS_CROWD = 256 };

RB_HEAD(container_tree, container);
RB_HEAD(sandbox_tree, container);

struct pods {
    struct pods_tools tools;
    struct container_tree tree;
    struct sandbox_tree sandboxes;
    size_t count;
    size_t most; /* since memory was given back */
    uint32_t last_pid;
    bool wrapped;
};

static int container_order(const struct container *a, const struct container *b)
{
    int order = strcmp(a->namespace_id, b->namespace_id);

    return order != 0 ? order : strcmp(a->id, b->id);
}

RB_PROTOTYPE_INTERNAL(container_tree, container, link, container_order, UNUSED static)
RB_GENERATE_INTERNAL(container_tree, container, link, container_order, UNUSED static)

/* A thread's number may come again while a container that had it is being taken apart. */
static int sandbox_order(const struct container *a, const struct container *b)
{
    if (a->init.pid != b->init.pid) {
        return a->init.pid < b->init.pid ? -1 : 1;
    }
    return container_order(a, b);
}

RB_PROTOTYPE_INTERNAL(sandbox_tree, container, by_pid, sandbox_order, UNUSED static)
RB_GENERATE_INTERNAL(sandbox_tree, container, by_pid, sandbox_order, UNUSED static)

own struct pods *pods_new(const struct pods_tools *tools)
{
    struct pods *pods = NEW(struct pods);

    pods->tools = *tools;
    pods->last_pid = PODS_PID_ABOVE;
    RB_INIT(&pods->tree);
    RB_INIT(&pods->sandboxes);
    return pods;
}

struct pods *pods_free(own struct pods *pods)
{
    if (pods) {
        assert(RB_EMPTY(&pods->tree));
        free(pods);
    }
    return NULL;
}

const struct pods_tools *pods_tools(const struct pods *pods)
{
    return &pods->tools;
}

int pods_check(const struct pods_name *name, struct fault *why)
{
    if (!text_is_identifier(text_of(name->namespace_id))) {
        return fault(why, FAULT_INVALID, "the namespace \"%.100s\" is no identifier",
                     name->namespace_id);
    }
    if (!text_is_identifier(text_of(name->id))) {
        return fault(why, FAULT_INVALID, "the id \"%.100s\" is no identifier", name->id);
    }
    if (name->bundle[0] != '/') {
        return fault(why, FAULT_INVALID, "the bundle \"%.100s\" is no absolute path",
                     name->bundle);
    }
    return 0;
}

int pods_admit(struct pods *pods, const struct pods_name *name, struct container **ret,
               struct fault *why)
{
    struct container *container = NULL;

    TRY(pods_check(name, why));
    if (pods->count >= PODS_MAX) {
        return fault(why, FAULT_LIMIT, "there are %d containers already", PODS_MAX);
    }
    container = container_new(name->namespace_id, name->id, name->bundle);
    if (RB_INSERT(container_tree, &pods->tree, container)) {
        (void)container_free(container);
        return fault(why, FAULT_EXISTS, "task %s", name->id);
    }
    container->pods = pods;
    pods->count++;
    pods->most = pods->count > pods->most ? pods->count : pods->most;
    *ret = container;
    return 0;
}

/* Return: whether these can be names of a container at all. */
static bool key_fill(const char *namespace_id, const char *id, struct container *ret)
{
    size_t space = strlen(namespace_id);
    size_t length = strlen(id);

    if (space > IDENTIFIER_MAX || length > IDENTIFIER_MAX) {
        return false;
    }
    memcpy(ret->namespace_id, namespace_id, space);
    memcpy(ret->id, id, length);
    return true;
}

struct container *pods_find(struct pods *pods, const char *namespace_id, const char *id)
{
    struct container key = {0};

    return key_fill(namespace_id, id, &key) ? RB_FIND(container_tree, &pods->tree, &key) : NULL;
}

struct container *pods_find_sandbox(struct pods *pods, const char *namespace_id, uint64_t pid)
{
    struct container key = {.init = {.pid = (uint32_t)pid}}; /* before all that have the pid */
    struct container *each = pid > UINT32_MAX ? NULL : RB_NFIND(sandbox_tree, &pods->sandboxes, &key);

    while (each && each->init.pid == pid && strcmp(each->namespace_id, namespace_id) != 0) {
        each = RB_NEXT(sandbox_tree, &pods->sandboxes, each);
    }
    return each && each->init.pid == pid ? each : NULL;
}

void pods_name_sandbox(struct container *sandbox)
{
    sandbox->has_pid = !RB_INSERT(sandbox_tree, &sandbox->pods->sandboxes, sandbox);
}

/* Thread: a pool's. */
static void trim(void *unused)
{
    (void)unused;
    memory_trim();
}

static void trimmed(void *unused)
{
    (void)unused;
}

/* The allocator keeps what it once had: after a crowd has gone, the kernel gets it back. */
static void give_back(struct pods *pods)
{
    if (pods->most >= PODS_CROWD && pods->count <= pods->most / 2) {
        pods->most = pods->count;
        loop_work(pods->tools.loop, trim, trimmed, NULL);
    }
}

own struct container *pods_take(struct container *container)
{
    struct pods *pods = container->pods;

    (void)RB_REMOVE(container_tree, &pods->tree, container);
    if (container->has_pid) {
        (void)RB_REMOVE(sandbox_tree, &pods->sandboxes, container);
    }
    pods->count--;
    give_back(pods);
    return container;
}

size_t pods_count(const struct pods *pods)
{
    return pods->count;
}

struct container *pods_next(struct pods *pods, struct container *after)
{
    return after ? RB_NEXT(container_tree, &pods->tree, after)
                 : RB_MIN(container_tree, &pods->tree);
}

struct container *pods_behind(struct pods *pods, const char *namespace_id, const char *id)
{
    struct container key = {0};
    struct container *found = NULL;

    if (!key_fill(namespace_id, id, &key)) {
        return NULL;
    }
    found = RB_NFIND(container_tree, &pods->tree, &key);
    return found && container_order(found, &key) == 0 ? pods_next(pods, found) : found;
}

static bool pid_is_taken(struct pods *pods, uint32_t pid)
{
    struct container *each = NULL;
    const struct guest *exec = NULL;

    RB_FOREACH(each, container_tree, &pods->tree) {
        if (each->init.pid == pid) {
            return true;
        }
        TAILQ_FOREACH(exec, &each->execs, link) {
            if (exec->pid == pid) {
                return true;
            }
        }
    }
    return false;
}

uint32_t pods_pid(struct pods *pods)
{
    do {
        if (pods->last_pid == INT32_MAX) {
            pods->last_pid = PODS_PID_ABOVE;
            pods->wrapped = true;
        }
        pods->last_pid++;
        /* Before 2^31 numbers were given out, none can be in use twice. */
    } while (pods->wrapped && pid_is_taken(pods, pods->last_pid));
    return pods->last_pid;
}
