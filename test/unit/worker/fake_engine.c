/* SPDX-License-Identifier: Apache-2.0 */
/* A thread for each task. An engine waits for all of them when it is freed, as the real one. */
#include "test/unit/worker/fake_engine.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

struct fake_seen fake_seen;

struct engine {
    struct engine_options options;
    pthread_mutex_t lock; /* guards threads, and every task's fields below its own comment */
    pthread_cond_t changed;
    int threads;
};

struct engine_component {
    struct engine *engine;
    enum engine_kind kind;
};

struct engine_task {
    struct engine *engine;
    struct engine_watcher watcher;
    char behaviour[64];
    int fds[4];
    int dirs[64];
    int part_fds[3 * ENGINE_PARTS_MAX];
    size_t parts_count;
    size_t dirs_count;
    struct engine_counters *counters;
    /* guarded by the engine's lock */
    bool is_over;
    bool is_freed; /* the last of thread and owner releases it */
    bool is_asked;
    enum engine_how asked;
};

static int refuse(struct engine_why *why, int kind, const char *text)
{
    why->kind = kind;
    (void)snprintf(why->text, sizeof(why->text), "%s", text);
    return -1;
}

int engine_new(const struct engine_options *options, own struct engine **ret_engine,
               struct engine_why *why)
{
    struct engine *engine = NULL;

    if (options->instances == 13) {
        return refuse(why, ENGINE_SYSTEM, "no room for an engine");
    }
    engine = NEW(struct engine);
    engine->options = *options;
    (void)pthread_mutex_init(&engine->lock, NULL);
    (void)pthread_cond_init(&engine->changed, NULL);
    *ret_engine = engine;
    return 0;
}

struct engine *engine_free(own struct engine *engine)
{
    if (!engine) {
        return NULL;
    }
    (void)pthread_mutex_lock(&engine->lock);
    while (engine->threads > 0) {
        (void)pthread_cond_wait(&engine->changed, &engine->lock);
    }
    (void)pthread_mutex_unlock(&engine->lock);
    (void)pthread_mutex_destroy(&engine->lock);
    (void)pthread_cond_destroy(&engine->changed);
    free(engine);
    return NULL;
}

uint32_t engine_instances(const struct engine *engine)
{
    return engine->options.instances == 0 ? 16000 : engine->options.instances;
}

int engine_component_load(struct engine *engine, int cwasm, struct engine_component_info *ret_info,
                          own struct engine_component **ret_component, struct engine_why *why)
{
    static const char *const kinds[] = {"command", "server", "library"};
    char bytes[16] = "";

    if (pread(cwasm, bytes, sizeof(bytes) - 1, 0) < 0) {
        return refuse(why, ENGINE_SYSTEM, "cannot read");
    }
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(bytes, kinds[i]) == 0) {
            *ret_component = NEW(struct engine_component);
            (*ret_component)->engine = engine;
            (*ret_component)->kind = (enum engine_kind)i;
            ret_info->kind = (enum engine_kind)i;
            (void)atomic_fetch_add(&fake_seen.components, 1);
            return 0;
        }
    }
    return refuse(why, ENGINE_REFUSED, "not precompiled by our compiler");
}

struct engine_component *engine_component_free(own struct engine_component *component)
{
    if (component) {
        (void)atomic_fetch_sub(&fake_seen.components, 1);
    }
    free(component);
    return NULL;
}

static void close_fds(struct engine_task *task)
{
    for (size_t i = 0; i < 4; i++) {
        (void)fd_close(task->fds[i]);
    }
    for (size_t i = 0; i < task->dirs_count; i++) {
        (void)fd_close(task->dirs[i]);
    }
    for (size_t i = 0; i < 3 * task->parts_count; i++) {
        (void)fd_close(task->part_fds[i]);
    }
}

/* Folders of parts are closed at once: nobody looks into them. */
static void take_parts(struct engine_task *task, const struct engine_grant *grant)
{
    task->parts_count = grant->part_count;
    for (size_t i = 0; i < grant->part_count; i++) {
        const struct engine_part *part = &grant->parts[i];
        const int fds[3] = {part->input, part->output, part->error};

        memcpy(&task->part_fds[3 * i], fds, sizeof(fds));
        if (part->output >= 0) {
            (void)dprintf(part->output, "%s %s %u\n", part->name, part->args[0], part->network_id);
        }
        for (size_t k = 0; k < part->folder_count; k++) {
            (void)fd_close(part->folders[k].dir);
        }
    }
}

/* Takes the lock. Whether the owner is still to be told. */
static bool end(struct engine_task *task)
{
    bool is_told;

    (void)pthread_mutex_lock(&task->engine->lock);
    is_told = !task->is_freed;
    (void)pthread_mutex_unlock(&task->engine->lock);
    return is_told;
}

/* The last thing that a thread does with its task. */
static void leave(struct engine_task *task, bool has_thread)
{
    struct engine *engine = task->engine;
    bool is_freed;

    (void)pthread_mutex_lock(&engine->lock);
    task->is_over = true;
    is_freed = task->is_freed;
    engine->threads -= has_thread ? 1 : 0;
    if (is_freed) {
        free(task);
    }
    (void)pthread_cond_broadcast(&engine->changed);
    (void)pthread_mutex_unlock(&engine->lock);
}

static void wait_until_asked(struct engine_task *task, struct engine_exit *how)
{
    (void)pthread_mutex_lock(&task->engine->lock);
    while (!task->is_asked) {
        (void)pthread_cond_wait(&task->engine->changed, &task->engine->lock);
    }
    how->how = task->asked;
    (void)pthread_mutex_unlock(&task->engine->lock);
    (void)snprintf(how->text, sizeof(how->text), "as asked");
}

static int number_of(const struct engine_task *task)
{
    const char *space = strchr(task->behaviour, ' ');

    return space ? (int)strtol(space + 1, NULL, 10) : 0;
}

static void behave(struct engine_task *task, struct engine_exit *how)
{
    char bytes[256];
    ssize_t got;

    if (strcmp(task->behaviour, "wait") == 0) {
        wait_until_asked(task, how);
    } else if (strncmp(task->behaviour, "talk", 4) == 0) {
        for (int i = 0; i < number_of(task); i++) {
            task->engine->options.log(task->engine->options.log_owner, ENGINE_LOG_WARN, "a line");
        }
    } else if (strcmp(task->behaviour, "echo") == 0) {
        while ((got = read(task->fds[0], bytes, sizeof(bytes))) > 0) {
            if (write(task->fds[1], bytes, (size_t)got) != got) {
                break;
            }
        }
        how->code = (int)task->dirs_count;
    } else if (strcmp(task->behaviour, "parts") == 0) {
        how->code = (int)task->parts_count;
    } else {
        how->code = number_of(task);
    }
    if (task->counters) {
        (void)__atomic_fetch_add(&task->counters->requests, 1, __ATOMIC_RELAXED);
    }
}

static void *run(void *owner)
{
    struct engine_task *task = (struct engine_task *)owner;
    struct engine_exit how = {.how = ENGINE_EXITED};

    behave(task, &how);
    close_fds(task);
    if (end(task)) {
        task->watcher.on_exit(task->watcher.owner, &how);
    }
    leave(task, true);
    return NULL;
}

static struct engine_task *task_of(struct engine_component *component,
                                   const struct engine_grant *grant,
                                   const struct engine_watcher *watcher)
{
    struct engine_task *task = NEW(struct engine_task);
    const int fds[4] = {grant->input, grant->output, grant->error, grant->listener};

    task->engine = component->engine;
    task->watcher = *watcher;
    task->counters = grant->counters;
    (void)snprintf(task->behaviour, sizeof(task->behaviour), "%s", grant->args[0]);
    memcpy(task->fds, fds, sizeof(fds));
    task->dirs_count = grant->folder_count;
    for (size_t i = 0; i < grant->folder_count; i++) {
        task->dirs[i] = grant->folders[i].dir;
    }
    take_parts(task, grant);
    atomic_store(&fake_seen.memory_bytes, grant->limits.memory_bytes);
    atomic_store(&fake_seen.queue_ns, grant->limits.queue_ns);
    (void)atomic_fetch_add(&fake_seen.tasks, 1);
    return task;
}

int engine_task_start(struct engine_component *component, const struct engine_grant *grant,
                      const struct engine_watcher *watcher, own struct engine_task **ret_task,
                      struct engine_why *why)
{
    struct engine_task *task = NULL;
    pthread_attr_t detached;
    pthread_t thread;

    if (strcmp(grant->args[0], "refuse") == 0 || component->kind == ENGINE_LIBRARY) {
        return refuse(why, ENGINE_INVALID, "this is no task");
    }
    task = task_of(component, grant, watcher);
    *ret_task = task;
    if (strncmp(task->behaviour, "now", 3) == 0) {
        struct engine_exit how = {.how = ENGINE_EXITED, .code = number_of(task)};

        close_fds(task);
        watcher->on_exit(watcher->owner, &how);
        leave(task, false);
        return 0;
    }
    (void)pthread_mutex_lock(&task->engine->lock);
    task->engine->threads++;
    (void)pthread_mutex_unlock(&task->engine->lock);
    (void)pthread_attr_init(&detached);
    (void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &detached, run, task) != 0) {
        abort();
    }
    (void)pthread_attr_destroy(&detached);
    return 0;
}

static void ask(struct engine_task *task, enum engine_how how)
{
    (void)pthread_mutex_lock(&task->engine->lock);
    if (!task->is_asked) {
        task->is_asked = true;
        task->asked = how;
    }
    (void)pthread_cond_broadcast(&task->engine->changed);
    (void)pthread_mutex_unlock(&task->engine->lock);
}

void engine_task_kill(struct engine_task *task)
{
    ask(task, ENGINE_KILLED);
}

void engine_task_drain(struct engine_task *task, uint64_t grace_ns)
{
    (void)grace_ns;
    ask(task, ENGINE_STOPPED);
}

void engine_task_pause(struct engine_task *task)
{
    (void)task;
    (void)atomic_fetch_add(&fake_seen.paused, 1);
}

void engine_task_resume(struct engine_task *task)
{
    (void)task;
    (void)atomic_fetch_add(&fake_seen.resumed, 1);
}

int engine_task_update(struct engine_task *task, const struct engine_limits *limits,
                       struct engine_why *why)
{
    (void)task;
    if (limits->cpu_weight > 10000) {
        return refuse(why, ENGINE_LIMIT, "a weight is at most 10,000");
    }
    atomic_store(&fake_seen.memory_bytes, limits->memory_bytes);
    atomic_store(&fake_seen.queue_ns, limits->queue_ns);
    return 0;
}

struct engine_task *engine_task_free(own struct engine_task *task)
{
    struct engine *engine = task ? task->engine : NULL;
    bool is_over;

    if (!task) {
        return NULL;
    }
    (void)atomic_fetch_sub(&fake_seen.tasks, 1);
    ask(task, ENGINE_KILLED);
    (void)pthread_mutex_lock(&engine->lock);
    is_over = task->is_over;
    task->is_freed = true;
    (void)pthread_mutex_unlock(&engine->lock);
    if (is_over) {
        free(task);
    }
    return NULL;
}
