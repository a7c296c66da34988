/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything runs on the loop's thread, except the two callbacks of the engine, which only put
 * letters into the mailbox. A table of handlers, one for each message.
 */
#include "runtime/worker/worker.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/loop.h"
#include "runtime/engine/engine.h"
#include "runtime/stats/page.h"
#include "runtime/stats/switchboard.h"
#include "runtime/wire/channel.h"
#include "runtime/worker/files.h"
#include "runtime/worker/inside.h"
#include "runtime/worker/mailbox.h"
#include "runtime/worker/parts.h"

static void on_message(void *owner, const struct message *message, int *fds, size_t count);
static void on_end(void *owner, const struct fault *failed);
static void on_lost(void *owner, const struct message *message);
static void on_ending(void *owner, uint64_t number, const struct engine_exit *end);
static void on_log(void *owner, enum engine_log_level level, const char *text);

int worker_new(const struct worker_plan *plan, own struct worker **ret, struct fault *why)
{
    static const struct channel_events from_channel = {on_message, on_end, on_lost};
    static const struct mailbox_events from_mailbox = {on_ending, on_log};
    AUTO(worker_free) struct worker *worker = NEW(struct worker);

    worker->plan = *plan;
    worker->files = files_read();
    worker->mailbox = mailbox_new(plan->loop, &from_mailbox, worker);
    TRY(channel_new(plan->loop, plan->socket, MESSAGE_DOWN, &from_channel, worker,
                    &worker->channel, why));
    *ret = TAKE(worker);
    return 0;
}

enum { LINES_WAITING_MAX = 1024 };

static void let_go_of_task(struct shelf_place *place)
{
    struct task *task = OWNER_OF(place, struct task, place);

    task->engine = engine_task_free(task->engine);
}

static void free_task(struct shelf_place *place)
{
    struct task *task = OWNER_OF(place, struct task, place);

    shelf_remove(place);
    free(task);
}

static void free_component(struct shelf_place *place)
{
    struct component *component = OWNER_OF(place, struct component, place);

    (void)engine_component_free(component->engine);
    shelf_remove(place);
    free(component);
}

struct worker *worker_free(own struct worker *worker)
{
    if (!worker) {
        return NULL;
    }
    (void)channel_free(worker->channel);
    /* Engine threads may look at a task and put letters until the engine has ended. */
    shelf_each(&worker->tasks, let_go_of_task);
    shelf_each(&worker->components, free_component);
    parts_free_all(&worker->parts);
    (void)engine_free(worker->engine);
    (void)mailbox_free(worker->mailbox);
    shelf_each(&worker->tasks, free_task);
    (void)stats_page_free(worker->page);
    (void)switchboard_free(worker->board);
    free(worker);
    return NULL;
}

const char *worker_last_words(const struct worker *worker)
{
    return worker->last_words;
}

void worker_say(struct worker *worker, enum log_level level, const char *text)
{
    struct message message = {.kind = MESSAGE_LOG, .log = {.level = (uint32_t)level}};
    struct fault why = {0};

    message_set_text(message.log.text, sizeof(message.log.text), text);
    if (channel_waiting(worker->channel) < LINES_WAITING_MAX &&
        channel_send(worker->channel, &message, NULL, 0, &why) < 0) {
        log_debug("line lost", "why=%s", why.text);
    }
}

/* The worker cannot go on. */
static void give_up(struct worker *worker, const struct fault *failed)
{
    (void)snprintf(worker->last_words, sizeof(worker->last_words), "%s", failed->text);
    worker_say(worker, LOG_LEVEL_ERROR, failed->text);
    loop_stop(worker->plan.loop);
}

static void on_end(void *owner, const struct fault *failed)
{
    struct worker *worker = (struct worker *)owner;

    if (failed) {
        (void)snprintf(worker->last_words, sizeof(worker->last_words), "%s", failed->text);
    }
    loop_stop(worker->plan.loop);
}

/* A supervisor that is gone is told by on_end(); one that does not read ends the worker. */
void worker_answer(struct worker *worker, const struct message *message, const int *fds)
{
    struct fault why = {0};

    if (channel_send(worker->channel, message, fds, message_fds(message), &why) < 0 &&
        why.kind == FAULT_LIMIT) {
        give_up(worker, &why);
    }
}

static void on_lost(void *owner, const struct message *message)
{
    struct worker *worker = (struct worker *)owner;
    struct message refusal;
    struct fault why = {0};

    if (message->kind == MESSAGE_PART) {
        return; /* its START fails for want of it */
    }
    if (!files_refuse(worker->files, message, &refusal, &why)) {
        give_up(worker, &why);
        return;
    }
    worker_answer(worker, &refusal, NULL);
}

/* Runs on engine threads. */
static void engine_says(void *owner, enum engine_log_level level, const char *text)
{
    mailbox_put_log(((struct worker *)owner)->mailbox, level, text);
}

static void on_log(void *owner, enum engine_log_level level, const char *text)
{
    static const enum log_level levels[] = {
        [ENGINE_LOG_ERROR] = LOG_LEVEL_ERROR,
        [ENGINE_LOG_WARN] = LOG_LEVEL_WARN,
        [ENGINE_LOG_INFO] = LOG_LEVEL_INFO,
        [ENGINE_LOG_DEBUG] = LOG_LEVEL_DEBUG,
    };

    worker_say((struct worker *)owner,
        (size_t)level < ARRAY_SIZE(levels) ? levels[level] : LOG_LEVEL_INFO, text);
}

static void on_ending(void *owner, uint64_t number, const struct engine_exit *end)
{
    struct worker *worker = (struct worker *)owner;
    struct shelf_place *place = shelf_find(&worker->tasks, number);
    struct message message = {.kind = MESSAGE_EXITED, .exited = {.task = number}};
    struct task *task = NULL;

    if (!place) {
        return;
    }
    task = OWNER_OF(place, struct task, place);
    task->engine = engine_task_free(task->engine);
    shelf_remove(place);
    free(task);
    message.exited.how = (uint32_t)end->how;
    message.exited.code = (uint32_t)end->code & 0xff;
    message_set_text(message.exited.text, sizeof(message.exited.text), end->text);
    worker_answer(worker, &message, NULL);
}

static int start_engine(struct worker *worker, const struct message_hello *hello, const int *fds,
                        struct fault *why)
{
    struct engine_options options = {.threads = hello->threads,
                                     .instances = hello->instances,
                                     .log = engine_says,
                                     .log_owner = worker};
    struct engine_why engine_why = {0};

    if (worker->engine || hello->version != MESSAGE_VERSION) {
        return fault(why, FAULT_STATE, "HELLO comes once, in version %d, not %u", MESSAGE_VERSION,
                     hello->version);
    }
    TRY(stats_page_map(fds[0], &worker->page, why));
    TRY(switchboard_map(fds[1], &worker->board, why));
    options.switchboard = switchboard_slots(worker->board);
    if (engine_new(&options, &worker->engine, &engine_why) < 0) {
        return fault(why, FAULT_INTERNAL, "start the engine: %s", engine_why.text);
    }
    return 0;
}

static void do_hello(struct worker *worker, const struct message *message, int *fds, size_t count)
{
    struct message ready = {.kind = MESSAGE_READY};
    int listener = -1;
    struct fault why = {0};

    (void)count;
    if (start_engine(worker, &message->hello, fds, &why) < 0 ||
        worker->plan.ready(worker->plan.owner, &ready.ready, &listener, &why) < 0) {
        give_up(worker, &why);
        return;
    }
    ready.ready.instances = engine_instances(worker->engine);
    ready.ready.sockets = listener >= 0 ? 1 : 0;
    worker_answer(worker, &ready, &listener); /* our copy is closed once it is sent */
}

static void do_load(struct worker *worker, const struct message *message, int *fds, size_t count)
{
    uint64_t number = message->load.component;
    struct message loaded = {.kind = MESSAGE_LOADED, .loaded = {.component = number}};
    struct engine_component_info info = {.kind = ENGINE_LIBRARY};
    struct engine_component *engine = NULL;
    struct engine_why why = {0};
    struct component *component = NULL;

    (void)count;
    if (shelf_find(&worker->components, number)) {
        message_set_text(loaded.loaded.text, sizeof(loaded.loaded.text), "it is loaded already");
    } else if (engine_component_load(worker->engine, fds[0], &info, &engine, &why) < 0) {
        message_set_text(loaded.loaded.text, sizeof(loaded.loaded.text), why.text);
    } else {
        component = NEW(struct component);
        component->engine = engine;
        shelf_admit(&worker->components, &component->place, number);
        loaded.loaded.ok = 1;
        loaded.loaded.kind = (uint32_t)info.kind;
    }
    worker_answer(worker, &loaded, NULL);
}

static void do_unload(struct worker *worker, const struct message *message, int *fds, size_t count)
{
    struct shelf_place *place = shelf_find(&worker->components, message->unload.component);

    (void)fds;
    (void)count;
    if (place) {
        free_component(place);
    }
}

static const struct handler {
    enum message_kind kind;
    void (*run)(struct worker *worker, const struct message *message, int *fds, size_t count);
} handlers[] = {
    {MESSAGE_HELLO, do_hello}, {MESSAGE_LOAD, do_load},    {MESSAGE_UNLOAD, do_unload},
    {MESSAGE_PART, do_part},   {MESSAGE_START, do_start},  {MESSAGE_KILL, do_verb},
    {MESSAGE_DRAIN, do_verb},  {MESSAGE_PAUSE, do_verb},   {MESSAGE_RESUME, do_verb},
    {MESSAGE_UPDATE, do_verb},
};

static void on_message(void *owner, const struct message *message, int *fds, size_t count)
{
    struct worker *worker = (struct worker *)owner;

    if (!worker->engine && message->kind != MESSAGE_HELLO) {
        struct fault early = {0};

        (void)fault(&early, FAULT_STATE, "%s came before HELLO", message_name(message->kind));
        give_up(worker, &early);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
        if (handlers[i].kind == message->kind) {
            handlers[i].run(worker, message, fds, count);
        }
    }
}
