/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A component is loaded once in a worker and shared by its tasks. Without users it stays for a
 * while, so that a restart need not load it again, but only so many do.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "runtime/supervisor/compile.h"
#include "runtime/supervisor/worker_tasks.h"

static void load_send(struct load *load, struct worker_process *worker)
{
    const struct message message = {.kind = MESSAGE_LOAD, .load = {.component = load->id}};
    int code = fd_duplicate(component_code(load->component));

    load->is_sent = true;
    if (code >= 0) {
        worker_process_send(worker, &message, &code, 1);
    } else if (worker->broken.kind == FAULT_NONE) {
        /* Out of descriptors: nothing can be started any more in this process. */
        (void)fault_sys(&worker->broken, code, "hand a component to its worker");
        laters_add(worker->laters, &worker->end);
    }
}

struct load *load_get(struct worker_process *worker, struct component *component)
{
    struct load *load = NULL;

    TAILQ_FOREACH (load, &worker->loads, link) {
        if (load->component == component && !load->is_failed) {
            return load;
        }
    }
    load = NEW(struct load);
    load->component = component_ref(component);
    load->id = worker->next_id++;
    load->idle_since_ns = 1; /* until its first user */
    worker->loads_idle++;
    TAILQ_INSERT_TAIL(&worker->loads, load, link);
    if (worker->state == WORKER_READY) {
        load_send(load, worker);
    }
    return load;
}

void load_remove(struct worker_process *worker, struct load *load)
{
    if (load->idle_since_ns != 0) {
        worker->loads_idle--;
    }
    TAILQ_REMOVE(&worker->loads, load, link);
    (void)component_unref(load->component);
    free(load);
}

void load_use(struct worker_process *worker, struct load *load)
{
    if (load->idle_since_ns != 0) {
        load->idle_since_ns = 0;
        worker->loads_idle--;
    }
    load->users++;
}

static void load_unload(struct worker_process *worker, struct load *load)
{
    const struct message message = {.kind = MESSAGE_UNLOAD, .unload = {.component = load->id}};

    worker_process_send(worker, &message, NULL, 0);
    load_remove(worker, load);
}

/* Unloads the one that has had no users for longest. */
static void loads_press(struct worker_process *worker)
{
    struct load *oldest = NULL;
    struct load *load = NULL;

    if (worker->loads_idle <= WORKER_LOADS_IDLE_MAX) {
        return;
    }
    TAILQ_FOREACH (load, &worker->loads, link) {
        if (load->idle_since_ns != 0 && load->is_loaded &&
            (!oldest || load->idle_since_ns < oldest->idle_since_ns)) {
            oldest = load;
        }
    }
    if (oldest) {
        load_unload(worker, oldest);
    }
}

void load_leave(struct worker_process *worker, struct load *load)
{
    load->users--;
    if (load->users == 0) {
        load->idle_since_ns = clock_now_ns();
        worker->loads_idle++;
        loads_press(worker);
    }
}

void loads_sweep(struct worker_process *worker)
{
    uint64_t now = clock_now_ns();
    struct load *load = TAILQ_FIRST(&worker->loads);

    while (load) {
        struct load *next = TAILQ_NEXT(load, link);

        if (load->idle_since_ns != 0 && load->is_loaded &&
            now - load->idle_since_ns >= WORKER_LOADS_IDLE_S * NS_PER_S) {
            load_unload(worker, load);
        }
        load = next;
    }
}

void loads_begin(struct worker_process *worker)
{
    struct load *load = NULL;

    TAILQ_FOREACH (load, &worker->loads, link) {
        load_send(load, worker);
    }
}

struct load *load_find(struct worker_process *worker, uint64_t id)
{
    struct load *load = NULL;

    TAILQ_FOREACH (load, &worker->loads, link) {
        if (load->id == id && load->is_sent && !load->is_loaded && !load->is_failed) {
            return load;
        }
    }
    return NULL;
}
