/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps, each ending in the next one's start: read (pool) -> look for the image -> open (pool) ->
 * hash the component's file -> load. A reservation spares the first two; an artifact
 * spares the hash; a sandbox is ready after it is opened, one of the Sandbox API after its files are
 * written (pool) as well. Execs begin at "open". A container that names no file of the node is opened
 * without the pool: to wake a thread takes longer.
 *
 * On the pool the prepare and its guest belong to that thread; the loop only looks at
 * ->in_pool and ->cancelled then.
 */
#include "shim/pod/prepare_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/loop.h"
#include "runtime/grant/grant.h"
#include "runtime/spec/spec.h"
#include "shim/pod/bundle.h"
#include "shim/pod/finding.h"
#include "shim/pod/pods.h"
#include "shim/pod/reservation.h"

own struct prepare *prepare_new(struct guest *guest, prepare_fn *fn)
{
    struct prepare *prepare = NEW(struct prepare);

    prepare->guest = guest;
    prepare->container = guest->container;
    prepare->tools = pods_tools(guest->container->pods);
    prepare->fn = fn;
    prepare->component = -1;
    prepare->image.wasm = -1;
    guest->prepare = prepare;
    return prepare;
}

static void prepare_free(own struct prepare *prepare)
{
    if (prepare->request) {
        image_forget(prepare->request);
    }
    (void)finding_free(prepare->finding);
    rootfs_mounts_fini(&prepare->mounts);
    (void)spec_free(prepare->spec);
    (void)fd_close(prepare->image.wasm);
    (void)fd_close(prepare->component);
    sandbox_files_fini(&prepare->files);
    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        free(prepare->texts[i]);
    }
    free(prepare->network.path);
    free(prepare);
}

void prepare_finish(own struct prepare *prepare, const struct fault *failed)
{
    struct guest *guest = prepare->guest;
    prepare_fn *fn = prepare->fn;
    struct fault why = {0};

    if (failed) {
        why = *failed;
        guest->run = run_free(guest->run);
    }
    guest->prepare = NULL;
    prepare_free(prepare);
    fn(guest, failed ? &why : NULL);
}

/* ---- the pool ---- */

static void pool_work(void *owner)
{
    struct prepare *prepare = owner;

    prepare->failed = prepare->step(prepare, &prepare->why) < 0;
}

static void say_cancelled(const struct prepare *prepare, struct fault *why)
{
    const struct guest *guest = prepare->guest;

    (void)fault(why, FAULT_UNAVAILABLE, "%s was %s while %s was being created",
                prepare->container->id, guest->id[0] != '\0' ? "ended" : "deleted",
                guest->id[0] != '\0' ? guest->id : "it");
}

static void pool_done(void *owner)
{
    struct prepare *prepare = owner;

    prepare->in_pool = false;
    if (prepare->cancelled) {
        say_cancelled(prepare, &prepare->why);
        prepare->failed = true;
    }
    if (prepare->failed) {
        prepare_finish(prepare, &prepare->why);
    } else {
        prepare->next(prepare);
    }
}

void prepare_in_pool(struct prepare *prepare, prepare_step_fn *step, prepare_next_fn *next)
{
    prepare->in_pool = true;
    prepare->step = step;
    prepare->next = next;
    loop_work(prepare->tools->loop, pool_work, pool_done, prepare);
}

void prepare_here(struct prepare *prepare, prepare_step_fn *step, prepare_next_fn *next)
{
    struct fault why = {0};

    if (step(prepare, &why) < 0) {
        prepare_finish(prepare, &why);
    } else {
        next(prepare);
    }
}

void prepare_cancel(struct prepare *prepare)
{
    struct fault why = {0};

    prepare->cancelled = true;
    if (!prepare->in_pool) {
        say_cancelled(prepare, &why);
        prepare_finish(prepare, &why);
    }
}

/* ---- the image ---- */

/* Of a tar image, which holds many files, the sentence names the one. */
static void finish_by_name(own struct prepare *prepare, const struct fault *failed)
{
    struct fault why = *failed;

    if (prepare->component >= 0) {
        (void)fault_while(&why, "the component %s", prepare->guest->grant->args[0]);
    }
    prepare_finish(prepare, &why);
}

static void hashed(void *owner, struct image *image, const struct fault *failed)
{
    struct prepare *prepare = owner;

    prepare->request = NULL;
    if (failed) {
        finish_by_name(prepare, failed);
        return;
    }
    (void)fd_close(prepare->image.wasm);
    prepare->image = *image;
    prepare->next(prepare);
}

static void found(void *owner)
{
    struct prepare *prepare = owner;
    const struct fault *failed = finding_failed(prepare->finding);

    if (failed) {
        prepare_finish(prepare, failed);
        return;
    }
    prepare->image = finding_take(prepare->finding);
    prepare->next(prepare);
}

void prepare_find_image(struct prepare *prepare, prepare_next_fn *next)
{
    const struct container *container = prepare->container;

    prepare->next = next;
    if (!prepare->finding) {
        prepare->finding =
            finding_new(prepare->tools->images, container->namespace_id, container->id);
    }
    finding_wait(prepare->finding, found, prepare);
}

static void hash_component(struct prepare *prepare)
{
    prepare->next = prepare_load;
    prepare->request =
        image_hash(prepare->tools->images, prepare->component, hashed, prepare);
}

void prepare_opened(struct prepare *prepare)
{
    struct container *container = prepare->container;

    if (container->is_sandbox) {
        prepare->guest->is_virtual = true;
        pods_name_sandbox(container);
        prepare_finish(prepare, NULL);
    } else if (prepare->component >= 0) {
        hash_component(prepare);
    } else {
        prepare_load(prepare);
    }
}

/* ---- the run ---- */

/* What of the spec outlives the preparation is in the grant. */
static void run_ready(void *owner, enum run_kind kind, const struct fault *failed)
{
    struct guest *guest = owner;
    struct prepare *prepare = guest->prepare;
    struct fault why = {0};

    guest->kind = kind;
    if (!failed && guest->id[0] != '\0' && kind != RUN_COMMAND) {
        (void)fault(&why, FAULT_INVALID, "%.200s is a %s; only a command can be executed",
                    guest->grant->args[0], kind == RUN_SERVER ? "server" : "library");
        failed = &why;
    }
    /* A library waits to be linked to others; nothing of it runs by itself. */
    guest->is_virtual = kind == RUN_LIBRARY;
    if (failed && failed != &why) {
        finish_by_name(prepare, failed);
    } else {
        prepare_finish(prepare, failed);
    }
}

void prepare_load(struct prepare *prepare)
{
    static const struct run_events events = {run_ready, guest_on_started, guest_on_exit};
    struct guest *guest = prepare->guest;
    const struct container *container = prepare->container;
    struct run_plan plan = {.domain = container->domain,
                            .name = prepare->name,
                            .grant = guest->grant,
                            .digest = prepare->image.component,
                            .wasm = prepare->image.wasm,
                            .pod = container->pod,
                            .title = container->words[CONTAINER_NAME],
                            .netns = container->netns ? netns_descriptor(container->netns) : -1};
    struct fault why = {0};

    (void)snprintf(prepare->name, sizeof(prepare->name), "%s/%s%s%s", container->namespace_id,
                   container->id, guest->id[0] != '\0' ? "/" : "", guest->id);
    if (run_new(prepare->tools->supervisor, &plan, &events, guest, &guest->run) < 0) {
        (void)fault(&why, FAULT_INTERNAL, "%s could not be handed to the supervisor",
                    prepare->name);
        prepare_finish(prepare, &why);
        return;
    }
    prepare->image.wasm = -1; /* the run's now */
}
