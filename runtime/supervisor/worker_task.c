/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks share loads: the first task of a component sends LOAD, all of them wait for LOADED. A task
 * that was given away stays in the table until its end is told, because its slot and its load are
 * in use until then.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/stats/counters.h"
#include "runtime/stats/page.h"
#include "runtime/supervisor/worker_tasks.h"

static int by_id(const struct worker_task *one, const struct worker_task *other)
{
    return one->id < other->id ? -1 : (one->id > other->id ? 1 : 0);
}

RB_PROTOTYPE_INTERNAL(task_tree, worker_task, link, by_id, UNUSED static)
RB_GENERATE_INTERNAL(task_tree, worker_task, link, by_id, UNUSED static)

static void counters_keep(struct worker_task *task)
{
    const struct stats_page *page = task->worker->page;
    struct engine_latency latency;

    stats_page_read(page, task->slot, &task->last);
    counters_end(&task->last);
    if (stats_page_read_latency(page, task->slot, &latency)) {
        task->last_latency = NEW(struct engine_latency);
        *task->last_latency = latency;
    }
}

/* Takes a task out of the worker: its slot, its load, its place in the table. */
static void task_leave(struct worker_task *task)
{
    struct worker_process *worker = task->worker;

    laters_remove(worker->laters, &task->tell);
    if (task->state == TASK_STARTING || task->state == TASK_RUNNING) {
        counters_keep(task);
        stats_page_release(worker->page, task->slot);
        task_networks_end(task);
    }
    (void)RB_REMOVE(task_tree, &worker->tasks, task);
    load_leave(worker, task->load);
    task->worker = NULL;
    task->load = NULL;
    task->state = TASK_OVER;
}

static void task_free(own struct worker_task *task)
{
    free(task->last_latency);
    free(task);
}

/* Ends a task and tells its owner in the words that fit its state. May free it. */
static void task_over(struct worker_task *task, const struct message_exited *end,
                      const struct fault *why)
{
    const struct worker_task_events *events = task->events;
    enum task_state state = task->state;

    task_leave(task);
    if (!events) {
        task_free(task);
    } else if (state == TASK_LOADING) {
        events->on_loaded(task->owner, MESSAGE_COMMAND, why);
    } else if (state == TASK_STARTING) {
        events->on_started(task->owner, why);
    } else {
        events->on_ended(task->owner, end, why);
    }
}

static void task_loaded(struct worker_task *task)
{
    task->state = TASK_LOADED;
    if (task->events) {
        task->events->on_loaded(task->owner, task->load->kind, NULL);
    }
}

static void tell_loaded(void *owner)
{
    task_loaded((struct worker_task *)owner);
}

own struct worker_task *worker_task_new(struct worker_process *worker, struct component *component,
                                        const struct worker_task_events *events, void *owner)
{
    struct worker_task *task = NEW(struct worker_task);

    assert(worker->state != WORKER_ENDING);
    task->worker = worker;
    task->events = events;
    task->owner = owner;
    task->id = worker->next_id++;
    task->load = load_get(worker, component);
    task->tell = (struct later){.fn = tell_loaded, .owner = task};
    load_use(worker, task->load);
    (void)RB_INSERT(task_tree, &worker->tasks, task);
    if (task->load->is_loaded) {
        laters_add(worker->laters, &task->tell);
    }
    return task;
}

/* Each of these messages begins with the task's id. */
static void message_set_task(struct message *message, uint64_t id)
{
    switch ((unsigned)message->kind) {
    case MESSAGE_KILL:
        message->kill.task = id;
        break;
    case MESSAGE_DRAIN:
        message->drain.task = id;
        break;
    case MESSAGE_PAUSE:
        message->pause.task = id;
        break;
    case MESSAGE_RESUME:
        message->resume.task = id;
        break;
    case MESSAGE_UPDATE:
        message->update.task = id;
        break;
    default:
        assert(false); /* only messages about a task come here */
    }
}

void worker_task_send(struct worker_task *task, struct message *message)
{
    if (task->state == TASK_STARTING || task->state == TASK_RUNNING) {
        message_set_task(message, task->id);
        worker_process_send(task->worker, message, NULL, 0);
    }
}

void worker_task_counters(const struct worker_task *task, struct engine_counters *ret)
{
    if (task->state == TASK_STARTING || task->state == TASK_RUNNING) {
        stats_page_read(task->worker->page, task->slot, ret);
    } else {
        *ret = task->last;
    }
}

bool worker_task_latency(const struct worker_task *task, struct engine_latency *ret)
{
    if (task->state == TASK_STARTING || task->state == TASK_RUNNING) {
        return stats_page_read_latency(task->worker->page, task->slot, ret);
    }
    if (task->last_latency) {
        *ret = *task->last_latency;
    }
    return task->last_latency != NULL;
}

struct worker_task *worker_task_free(own struct worker_task *task)
{
    struct message kill = {.kind = MESSAGE_KILL};

    if (!task) {
        return NULL;
    }
    if (task->state == TASK_STARTING || task->state == TASK_RUNNING) {
        worker_task_send(task, &kill);
        task->events = NULL;
        return NULL;
    }
    if (task->state != TASK_OVER) {
        task_leave(task);
    }
    task_free(task);
    return NULL;
}

/* The first task that waits for @load, in the order of their making. */
static struct worker_task *task_waiting(struct worker_process *worker, const struct load *load)
{
    struct worker_task *task = NULL;

    RB_FOREACH (task, task_tree, &worker->tasks) {
        if (task->load == load && task->state == TASK_LOADING) {
            return task;
        }
    }
    return NULL;
}

static int loaded_message(struct worker_process *worker, const struct message_loaded *loaded,
                          struct fault *why)
{
    struct load *load = load_find(worker, loaded->component);
    struct worker_task *task = NULL;
    struct fault failed = {0};

    if (!load) {
        return fault(why, FAULT_INTERNAL, "LOADED for a component that is not being loaded");
    }
    if (loaded->ok != 0) {
        load->is_loaded = true;
        load->kind = (enum message_component)loaded->kind;
        RB_FOREACH (task, task_tree, &worker->tasks) {
            if (task->load == load && task->state == TASK_LOADING) {
                laters_add(worker->laters, &task->tell);
            }
        }
        return 0;
    }
    (void)fault(&failed, FAULT_INVALID, "load it: %s", loaded->text);
    load->is_failed = true;
    load->users++; /* keeps it while its tasks leave */
    while ((void)(task = task_waiting(worker, load)), task) {
        task_over(task, NULL, &failed);
    }
    load_remove(worker, load);
    return 0;
}

static struct worker_task *task_find(struct worker_process *worker, uint64_t id,
                                     enum task_state state)
{
    struct worker_task wanted;
    struct worker_task *task = NULL;

    wanted.id = id;
    task = RB_FIND(task_tree, &worker->tasks, &wanted);
    return task && task->state == state ? task : NULL;
}

static int started_message(struct worker_process *worker, const struct message_started *started,
                           struct fault *why)
{
    struct worker_task *task = task_find(worker, started->task, TASK_STARTING);
    struct fault failed = {0};

    if (!task) {
        return fault(why, FAULT_INTERNAL, "STARTED for a task that is not being started");
    }
    if (started->ok == 0) {
        (void)fault(&failed, FAULT_STATE, "%s", started->text);
        task_over(task, NULL, &failed);
        return 0;
    }
    task->state = TASK_RUNNING;
    if (task->events) {
        task->events->on_started(task->owner, NULL);
    }
    return 0;
}

static int exited_message(struct worker_process *worker, const struct message_exited *exited,
                          struct fault *why)
{
    struct worker_task *task = task_find(worker, exited->task, TASK_RUNNING);

    if (!task) {
        return fault(why, FAULT_INTERNAL, "EXITED for a task that does not run");
    }
    task_over(task, exited, NULL);
    return 0;
}

int tasks_message(struct worker_process *worker, const struct message *message, struct fault *why)
{
    switch ((unsigned)message->kind) {
    case MESSAGE_LOADED:
        return loaded_message(worker, &message->loaded, why);
    case MESSAGE_STARTED:
        return started_message(worker, &message->started, why);
    case MESSAGE_EXITED:
        return exited_message(worker, &message->exited, why);
    default:
        return fault(why, FAULT_INTERNAL, "%s from a worker", message_name(message->kind));
    }
}

void tasks_lose(struct worker_process *worker, const struct fault *why)
{
    struct worker_task *task = RB_MIN(task_tree, &worker->tasks);

    while (task) {
        task_over(task, NULL, why);
        task = RB_MIN(task_tree, &worker->tasks);
    }
}

void tasks_fini(struct worker_process *worker)
{
    struct worker_task *task = RB_MIN(task_tree, &worker->tasks);

    while (task) { /* only those given away are left */
        struct worker_task *given = task;

        task_leave(given);
        free(given);
        task = RB_MIN(task_tree, &worker->tasks);
    }
    while (!TAILQ_EMPTY(&worker->loads)) {
        load_remove(worker, TAILQ_FIRST(&worker->loads));
    }
}
