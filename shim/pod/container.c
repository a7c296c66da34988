/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The init is embedded; execs are heap objects in a list, few and short. Counters of an exec are
 * folded into the container's when it goes.
 */
#include "shim/pod/container.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/loop.h"
#include "runtime/broker/netns.h"
#include "runtime/stats/counters.h"
#include "shim/pod/rootfs.h"

own struct container *container_new(const char *namespace_id, const char *id, const char *bundle)
{
    struct container *container = NEW(struct container);

    (void)snprintf(container->namespace_id, sizeof(container->namespace_id), "%s", namespace_id);
    (void)snprintf(container->id, sizeof(container->id), "%s", id);
    container->bundle = COPY_TEXT(bundle);
    container->form = IMAGE_NONE;
    TAILQ_INIT(&container->execs);
    TAILQ_INIT(&container->members);
    guest_init(&container->init, container, "");
    return container;
}

struct container *container_free(own struct container *container)
{
    if (container) {
        assert(TAILQ_EMPTY(&container->execs));
        assert(TAILQ_EMPTY(&container->members) && !container->sandbox);
        guest_fini(&container->init);
        container->netns = netns_free(container->netns);
        for (size_t i = 0; i < CONTAINER_WORDS; i++) {
            free(container->words[i]);
        }
        free(container->members_past);
        free(container->netns_path);
        free(container->rootfs);
        free(container->domain);
        free(container->pod);
        free(container->bundle);
        free(container);
    }
    return NULL;
}

struct guest *container_find_exec(struct container *container, const char *exec_id)
{
    struct guest *exec = NULL;

    TAILQ_FOREACH(exec, &container->execs, link) {
        if (strcmp(exec->id, exec_id) == 0) {
            return exec;
        }
    }
    return NULL;
}

int container_admit_exec(struct container *container, const char *exec_id, struct guest **ret,
                         struct fault *why)
{
    struct guest *exec = NULL;

    if (container_find_exec(container, exec_id)) {
        return fault(why, FAULT_EXISTS, "id %s", exec_id);
    }
    if (container->execs_count >= CONTAINER_EXECS_MAX) {
        return fault(why, FAULT_LIMIT, "container %s has %d execs already", container->id,
                     CONTAINER_EXECS_MAX);
    }
    exec = NEW(struct guest);
    guest_init(exec, container, exec_id);
    TAILQ_INSERT_TAIL(&container->execs, exec, link);
    container->execs_count++;
    *ret = exec;
    return 0;
}

static void guest_count(const struct guest *guest, struct engine_counters *sum)
{
    struct engine_counters counters = {0};

    if (guest->run) {
        run_read_counters(guest->run, &counters);
        counters_add(sum, &counters);
    }
}

void container_remove_exec(struct guest *exec)
{
    struct container *container = exec->container;

    guest_count(exec, &container->past);
    counters_end(&container->past);
    TAILQ_REMOVE(&container->execs, exec, link);
    container->execs_count--;
    guest_fini(exec);
    free(exec);
}

struct guest *container_guest(struct container *container, const char *exec_id)
{
    return exec_id[0] == '\0' ? &container->init : container_find_exec(container, exec_id);
}

void container_counters(const struct container *container, struct engine_counters *ret)
{
    const struct guest *exec = NULL;

    *ret = container->past;
    guest_count(&container->init, ret);
    TAILQ_FOREACH(exec, &container->execs, link) {
        guest_count(exec, ret);
    }
}

void container_join(struct container *container, struct container *sandbox)
{
    assert(!container->sandbox && sandbox->is_api_sandbox);
    container->sandbox = sandbox;
    TAILQ_INSERT_TAIL(&sandbox->members, container, fellows);
}

void container_part(struct container *container)
{
    struct container *sandbox = container->sandbox;
    struct container *member = NULL;
    struct engine_counters counters = {0};

    while ((member = TAILQ_FIRST(&container->members)) != NULL) {
        TAILQ_REMOVE(&container->members, member, fellows);
        member->sandbox = NULL;
    }
    if (sandbox) {
        if (!sandbox->members_past) {
            sandbox->members_past = NEW(struct engine_counters);
        }
        container_counters(container, &counters);
        counters_add(sandbox->members_past, &counters);
        counters_end(sandbox->members_past);
        TAILQ_REMOVE(&sandbox->members, container, fellows);
        container->sandbox = NULL;
    }
}

void container_pod_counters(const struct container *sandbox, struct engine_counters *ret)
{
    const struct container *member = NULL;
    struct engine_counters counters = {0};

    *ret = sandbox->members_past ? *sandbox->members_past : (struct engine_counters){0};
    TAILQ_FOREACH(member, &sandbox->members, fellows) {
        container_counters(member, &counters);
        counters_add(ret, &counters);
    }
}

/* Only an init is a server. */
bool container_latency(const struct container *container, struct engine_latency *ret)
{
    return container->init.run && run_read_latency(container->init.run, ret);
}

struct release {
    struct container *container;
    void (*done)(void *owner);
    void *owner;
};

static void release_work(void *owner)
{
    struct release *release = owner;
    struct container *container = release->container;

    if (container->rootfs_mounted) {
        rootfs_unmount(container->bundle);
        container->rootfs_mounted = false;
    }
    container->netns = netns_free(container->netns);
}

static void release_done(void *owner)
{
    struct release *release = owner;
    void (*done)(void *owner) = release->done;
    void *for_done = release->owner;

    free(release);
    done(for_done);
}

void container_release(struct container *container, struct loop *loop, void (*done)(void *owner),
                       void *owner)
{
    struct release *release = NEW(struct release);

    release->container = container;
    release->done = done;
    release->owner = owner;
    loop_work(loop, release_work, release_done, release);
}
