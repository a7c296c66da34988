/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about tasks, from the parts of one that is to come to its end. */
#include <inttypes.h>
#include <string.h>

#include "base/attr.h"
#include "runtime/worker/inside.h"
#include "runtime/worker/mailbox.h"
#include "runtime/worker/parts.h"
#include "runtime/worker/task.h"

/* Runs on an engine thread. */
static void engine_ended(void *owner, const struct engine_exit *end)
{
    const struct task *task = (const struct task *)owner;

    mailbox_put_ending(task->worker->mailbox, task->place.number, end);
}

void do_part(struct worker *worker, const struct message *message, int *fds, size_t count)
{
    struct fault why = {0};

    if (files_check(worker->files, fds, count, &why) < 0 ||
        parts_add(&worker->parts, &message->part, fds, count, &why) < 0) {
        worker_say(worker, LOG_LEVEL_WARN, why.text); /* its START fails for want of it */
    }
}

/* The task is on its shelf before the engine may tell its end. */
static int start_task(struct worker *worker, const struct message_start *message, int *fds,
                      size_t count, struct fault *why)
{
    struct shelf_place *component = shelf_find(&worker->components, message->component);
    AUTO(memory_free) struct task *task = NEW(struct task);
    AUTO(parts_free) struct parts *parts = parts_take(&worker->parts, message->task);
    struct engine_watcher watcher = {.on_exit = engine_ended, .owner = task};
    struct task_start start = {.message = message,
                               .fds = fds,
                               .count = count,
                               .parts = parts,
                               .page = worker->page,
                               .watcher = &watcher};

    if (!component) {
        return fault(why, FAULT_NOT_FOUND, "component %" PRIu64 " is not loaded",
                     message->component);
    }
    TRY(files_check(worker->files, fds, count, why));
    if (shelf_find(&worker->tasks, message->task)) {
        return fault(why, FAULT_EXISTS, "task %" PRIu64 " is there already", message->task);
    }
    start.component = OWNER_OF(component, struct component, place)->engine;
    task->worker = worker;
    shelf_admit(&worker->tasks, &task->place, message->task);
    if (task_start(&start, &task->engine, why) < 0) {
        shelf_remove(&task->place);
        return -1;
    }
    task = NULL; /* the shelf's, until its end */
    return 0;
}

void do_start(struct worker *worker, const struct message *message, int *fds, size_t count)
{
    struct message started = {.kind = MESSAGE_STARTED, .started = {.task = message->start.task}};
    struct fault why = {0};

    if (start_task(worker, &message->start, fds, count, &why) < 0) {
        message_set_text(started.started.text, sizeof(started.started.text), why.text);
    } else {
        started.started.ok = 1;
    }
    worker_answer(worker, &started, NULL);
}

/* The engine's handle of a task, NULL when it has ended. */
static struct engine_task *running(struct worker *worker, uint64_t number)
{
    struct shelf_place *place = shelf_find(&worker->tasks, number);

    return place ? OWNER_OF(place, struct task, place)->engine : NULL;
}

void do_verb(struct worker *worker, const struct message *message, int *fds, size_t count)
{
    struct engine_task *task = running(worker, message->kill.task);
    struct engine_limits limits;
    struct engine_why why = {0};

    (void)fds;
    (void)count;
    if (message->kind == MESSAGE_KILL) {
        (void)parts_free(parts_take(&worker->parts, message->kill.task));
    }
    if (!task) {
        return;
    }
    if (message->kind == MESSAGE_KILL) {
        engine_task_kill(task);
    } else if (message->kind == MESSAGE_DRAIN) {
        engine_task_drain(task, message->drain.grace_ns);
    } else if (message->kind == MESSAGE_PAUSE) {
        engine_task_pause(task);
    } else if (message->kind == MESSAGE_RESUME) {
        engine_task_resume(task);
    } else {
        task_limits(&message->update.limits, &limits);
        if (engine_task_update(task, &limits, &why) < 0) {
            worker_say(worker, LOG_LEVEL_WARN, why.text);
        }
    }
}
