/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A component moves through its states on the loop; three of them are spent on another thread.
 * Whoever waits is told by laters, also when the component has been there all along. A component
 * without references stays a minute, so that a restart finds it; so does a failure that would
 * only repeat itself.
 */
#include "runtime/supervisor/compile.h"

#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "runtime/supervisor/compile_job.h"

#define IDLE_NS (60 * NS_PER_S)

static int by_digest(const struct component *one, const struct component *other)
{
    return strcmp(one->digest, other->digest);
}

RB_PROTOTYPE_INTERNAL(component_tree, component, link, by_digest, UNUSED static)
RB_GENERATE_INTERNAL(component_tree, component, link, by_digest, UNUSED static)

static void component_advance(struct component *component);

static void compiler_destroy(struct compiler *compiler)
{
    (void)cache_close(compiler->cache);
    (void)pthread_mutex_destroy(&compiler->identity.lock);
    free(compiler->program);
    free(compiler->accept);
    free(compiler);
}

own struct compiler *compiler_new(struct loop *loop, struct laters *laters, own struct cache *cache,
                                  const struct compiler_options *options)
{
    struct compiler *compiler = NEW(struct compiler);

    compiler->loop = loop;
    compiler->laters = laters;
    compiler->cache = cache;
    compiler->program = COPY_TEXT(options->program);
    compiler->accept = COPY_TEXT(options->accept ? options->accept : "");
    compiler->memory_bytes =
        options->memory_bytes == 0 ? COMPILE_MEMORY_DEFAULT : options->memory_bytes;
    compiler->seconds = options->seconds == 0 ? COMPILE_SECONDS_DEFAULT : options->seconds;
    RB_INIT(&compiler->components);
    TAILQ_INIT(&compiler->queue);
    (void)pthread_mutex_init(&compiler->identity.lock, NULL);
    return compiler;
}

static void component_free(struct component *component)
{
    struct compile_job *job = &component->job;

    component->child = loop_child_forget(component->child);
    component->deadline = loop_timer_free(component->deadline);
    laters_remove(component->compiler->laters, &component->tell);
    compile_job_close(job);
    cache_draft_fini(component->compiler->cache, &job->draft);
    cache_entry_fini(&job->entry);
    description_fini(&job->description);
    free(component);
}

static void component_remove(struct component *component)
{
    (void)RB_REMOVE(component_tree, &component->compiler->components, component);
    component_free(component);
}

static bool is_away(const struct component *component)
{
    return component->state == COMPONENT_FINDING || component->state == COMPONENT_STARTING ||
           component->state == COMPONENT_ADMITTING;
}

struct compiler *compiler_free(own struct compiler *compiler)
{
    struct component *component = NULL;
    struct component *next = NULL;

    if (!compiler) {
        return NULL;
    }
    compiler->is_closed = true;
    compiler->idle = loop_timer_free(compiler->idle);
    RB_FOREACH_SAFE (component, component_tree, &compiler->components, next) {
        laters_remove(compiler->laters, &component->tell);
        if (component->state == COMPONENT_COMPILING) {
            (void)kill(component->job.pid, SIGKILL);
        }
        if (!is_away(component)) {
            component_remove(component);
        }
    }
    if (compiler->away == 0) {
        compiler_destroy(compiler);
    }
    return NULL;
}

/* The last steps come back to a compiler that is closed. */
static void component_abandon(struct component *component)
{
    struct compiler *compiler = component->compiler;

    if (component->state == COMPONENT_STARTING && component->job.pid > 0) {
        struct fault why;

        (void)kill(component->job.pid, SIGKILL);
        (void)loop_child_forget(
            loop_child_new(compiler->loop, component->job.pid, NULL, NULL, &why));
    }
    component_remove(component);
    if (compiler->away == 0) {
        compiler_destroy(compiler);
    }
}

static void away_done(void *owner)
{
    struct component *component = (struct component *)owner;

    component->compiler->away--;
    if (component->compiler->is_closed) {
        component_abandon(component);
    } else {
        component_advance(component);
    }
}

static void away_work(void *owner)
{
    struct component *component = (struct component *)owner;

    if (component->state == COMPONENT_FINDING) {
        compile_job_find(component);
    } else if (component->state == COMPONENT_STARTING) {
        compile_job_start(component);
    } else {
        compile_job_admit(component);
    }
}

static void go_away(struct component *component, enum component_state state)
{
    component->state = state;
    component->compiler->away++;
    loop_work(component->compiler->loop, away_work, away_done, component);
}

static void idle_sweep(void *owner)
{
    struct compiler *compiler = (struct compiler *)owner;
    struct component *component = NULL;
    struct component *next = NULL;
    uint64_t now = clock_now_ns();
    bool more = false;

    RB_FOREACH_SAFE (component, component_tree, &compiler->components, next) {
        if (component->idle_since_ns == 0) {
            continue;
        }
        if (now - component->idle_since_ns >= IDLE_NS) {
            component_remove(component);
        } else {
            more = true;
        }
    }
    if (more) {
        loop_timer_set(compiler->idle, IDLE_NS / 2);
    }
}

/* Starts the minute when nobody has or wants the component any more. */
static void component_rest(struct component *component)
{
    struct compiler *compiler = component->compiler;

    if (component->refs > 0 || !TAILQ_EMPTY(&component->waits) ||
        component->state < COMPONENT_READY || compiler->is_closed) {
        return;
    }
    if (component->state == COMPONENT_FAILED && !component->job.is_final) {
        component_remove(component);
        return;
    }
    component->idle_since_ns = clock_now_ns();
    if (!compiler->idle) {
        compiler->idle = loop_timer_new(compiler->loop, idle_sweep, compiler);
    }
    loop_timer_set(compiler->idle, IDLE_NS);
}

static void component_tell(void *owner)
{
    struct component *component = component_ref((struct component *)owner);
    const struct fault *failed =
        component->state == COMPONENT_FAILED ? &component->job.failed : NULL;
    struct component_wait *wait = TAILQ_FIRST(&component->waits);

    while (wait) {
        component_forget(wait);
        wait->fn(wait->owner, failed ? NULL : component, failed);
        wait = TAILQ_FIRST(&component->waits);
    }
    (void)component_unref(component);
}

static void component_settle(struct component *component)
{
    struct compile_job *job = &component->job;

    component->state = job->failed.kind == FAULT_NONE ? COMPONENT_READY : COMPONENT_FAILED;
    compile_job_close(job);
    cache_draft_fini(component->compiler->cache, &job->draft);
    if (TAILQ_EMPTY(&component->waits)) {
        component_rest(component);
    } else {
        laters_add(component->compiler->laters, &component->tell);
    }
}

static void queue_run(struct compiler *compiler)
{
    struct component *component = TAILQ_FIRST(&compiler->queue);

    while (component && compiler->running < COMPILE_JOBS_MAX) {
        TAILQ_REMOVE(&compiler->queue, component, queue);
        if (TAILQ_EMPTY(&component->waits)) { /* all have gone while it waited */
            component_remove(component);
        } else {
            compiler->running++;
            go_away(component, COMPONENT_STARTING);
        }
        component = TAILQ_FIRST(&compiler->queue);
    }
}

static void place_free(struct compiler *compiler)
{
    compiler->running--;
    queue_run(compiler);
}

static void child_ended(void *owner, int status)
{
    struct component *component = (struct component *)owner;
    struct compiler *compiler = component->compiler;

    component->child = NULL;
    component->deadline = loop_timer_free(component->deadline);
    component->job.status = status;
    if (status == 0) {
        go_away(component, COMPONENT_ADMITTING);
        return;
    }
    compile_job_word(component);
    component_settle(component);
    place_free(compiler);
}

static void deadline_passed(void *owner)
{
    struct component *component = (struct component *)owner;

    component->job.late = true;
    (void)kill(component->job.pid, SIGKILL);
}

static void component_watch(struct component *component)
{
    struct compiler *compiler = component->compiler;
    struct compile_job *job = &component->job;

    component->state = COMPONENT_COMPILING;
    component->child =
        loop_child_new(compiler->loop, job->pid, child_ended, component, &job->failed);
    if (!component->child) {
        (void)kill(job->pid, SIGKILL);
        component_settle(component);
        place_free(compiler);
        return;
    }
    component->deadline = loop_timer_new(compiler->loop, deadline_passed, component);
    loop_timer_set(component->deadline, COMPILE_PATIENCE * compiler->seconds * NS_PER_S);
}

/* A step off the loop has come back. */
static void component_advance(struct component *component)
{
    struct compiler *compiler = component->compiler;
    bool failed = component->job.failed.kind != FAULT_NONE;
    enum component_state state = component->state;

    if (!failed && state == COMPONENT_FINDING && !component->job.found) {
        component->state = COMPONENT_WAITING;
        TAILQ_INSERT_TAIL(&compiler->queue, component, queue);
        queue_run(compiler);
    } else if (!failed && state == COMPONENT_STARTING) {
        component_watch(component);
    } else {
        component_settle(component); /* may be the end of it */
        if (state != COMPONENT_FINDING) {
            place_free(compiler);
        }
    }
}

static struct component *component_new(struct compiler *compiler,
                                       const struct composition *composition)
{
    struct component *component = NEW(struct component);
    int kept = 0;

    component->compiler = compiler;
    memcpy(component->digest, composition->digest, DIGEST_HEX_LENGTH);
    TAILQ_INIT(&component->waits);
    component->tell = (struct later){.fn = component_tell, .owner = component};
    component->job = (struct compile_job){.draft = {.code = -1, .description = -1},
                                          .entry = {.code = -1},
                                          .wasm = -1};
    (void)RB_INSERT(component_tree, &compiler->components, component);
    kept = compile_job_keep(&component->job, composition);
    if (kept < 0) {
        (void)fault_sys(&component->job.failed, kept, "keep a component open");
        compile_job_close(&component->job);
        component->state = COMPONENT_FAILED;
    } else {
        go_away(component, COMPONENT_FINDING);
    }
    return component;
}

void compiler_compose(struct compiler *compiler, const struct composition *composition,
                      struct component_wait *wait)
{
    struct component wanted;
    struct component *component = NULL;

    memcpy(wanted.digest, composition->digest, DIGEST_HEX_LENGTH);
    wanted.digest[DIGEST_HEX_LENGTH] = '\0';
    component = RB_FIND(component_tree, &compiler->components, &wanted);
    if (!component) {
        component = component_new(compiler, composition);
    }
    wait->component = component;
    component->idle_since_ns = 0;
    TAILQ_INSERT_TAIL(&component->waits, wait, next);
    if (component->state >= COMPONENT_READY) {
        laters_add(compiler->laters, &component->tell);
    }
}

void component_forget(struct component_wait *wait)
{
    struct component *component = wait->component;

    if (component) {
        wait->component = NULL;
        TAILQ_REMOVE(&component->waits, wait, next);
        component_rest(component);
    }
}

struct component *component_ref(struct component *component)
{
    component->refs++;
    component->idle_since_ns = 0;
    return component;
}

struct component *component_unref(own struct component *component)
{
    if (component) {
        component->refs--;
        component_rest(component);
    }
    return NULL;
}

const struct description *component_description(const struct component *component)
{
    return &component->job.description;
}

int component_code(const struct component *component)
{
    return component->job.entry.code;
}
