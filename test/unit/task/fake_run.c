/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_run.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/loop.h"
#include "runtime/grant/grant.h"
#include "runtime/supervisor/supervisor.h"

struct fake_plan fake_plan;

struct run {
    struct fake_plan plan;
    struct run_events events;
    void *owner;
    char domain[256];
    char name[256];
    char files[GRANT_TEXTS][256];
    size_t index;
    int wasm;
    uint64_t memory;
    uint64_t grace_ns;
    bool paused;
    bool started;
    struct run_stdio stdio;
    struct run_exit end;
    struct loop_timer *ready;
    struct loop_timer *starting;
    struct loop_timer *ending;
};

static struct {
    struct loop *loop;
    struct run *at[FAKE_RUNS_MAX];
    size_t made;
    size_t left;
} all;

void fake_runs_open(struct loop *loop)
{
    memset(&all, 0, sizeof(all));
    memset(&fake_plan, 0, sizeof(fake_plan));
    all.loop = loop;
}

size_t fake_runs_left(void)
{
    return all.left;
}

size_t fake_runs_made(void)
{
    return all.made;
}

struct run *fake_run_at(size_t index)
{
    return all.at[index];
}

static const struct fault *fault_of(const char *text, struct fault *room)
{
    if (!text) {
        return NULL;
    }
    (void)fault(room, FAULT_INVALID, "%s", text);
    return room;
}

static void tell_ready(void *owner)
{
    struct run *run = owner;
    struct fault why = {0};

    run->events.on_ready(run->owner, run->plan.kind, fault_of(run->plan.load_fails, &why));
}

static void tell_started(void *owner)
{
    struct run *run = owner;
    struct fault why = {0};

    run->started = !run->plan.start_fails;
    run->events.on_started(run->owner, fault_of(run->plan.start_fails, &why));
}

static void tell_exit(void *owner)
{
    struct run *run = owner;

    run->stdio.in = fd_close(run->stdio.in);
    run->stdio.out = fd_close(run->stdio.out);
    run->stdio.err = fd_close(run->stdio.err);
    run->events.on_exit(run->owner, &run->end);
}

struct idmaps *supervisor_idmaps(const struct supervisor *supervisor)
{
    (void)supervisor;
    return NULL;
}

int run_new(struct supervisor *supervisor, const struct run_plan *plan,
            const struct run_events *events, void *owner, own struct run **ret)
{
    struct run *run = NEW(struct run);

    (void)supervisor;
    run->plan = fake_plan;
    run->events = *events;
    run->owner = owner;
    run->wasm = plan->wasm;
    run->memory = plan->grant->limits.memory_bytes;
    run->grace_ns = UINT64_MAX;
    run->stdio = (struct run_stdio){-1, -1, -1};
    (void)snprintf(run->domain, sizeof(run->domain), "%s", plan->domain);
    (void)snprintf(run->name, sizeof(run->name), "%s", plan->name);
    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        const char *file = plan->grant->network_files[i];

        (void)snprintf(run->files[i], sizeof(run->files[i]), "%s", file ? file : "");
    }
    run->ready = loop_timer_new(all.loop, tell_ready, run);
    run->starting = loop_timer_new(all.loop, tell_started, run);
    run->ending = loop_timer_new(all.loop, tell_exit, run);
    run->index = all.made;
    all.at[all.made++] = run;
    all.left++;
    if (!fake_plan.holds_ready) {
        loop_timer_set(run->ready, 0);
    }
    *ret = run;
    return 0;
}

int run_start(struct run *run, const struct run_stdio *stdio, struct fault *why)
{
    (void)why;
    run->stdio = *stdio;
    if (!run->plan.holds_started) {
        loop_timer_set(run->starting, 0);
    }
    return 0;
}

int run_provide(struct run *run, const struct run_stdio *stdio, struct fault *why)
{
    (void)why;
    run->stdio = *stdio;
    return 0;
}

void fake_run_ready(struct run *run)
{
    loop_timer_set(run->ready, 0);
}

void fake_run_started(struct run *run)
{
    loop_timer_set(run->starting, 0);
}

void fake_run_exit(struct run *run, enum run_how how, uint32_t code, const char *text)
{
    if (run->started) {
        run->started = false;
        run->end.how = how;
        run->end.code = code;
        (void)snprintf(run->end.text, sizeof(run->end.text), "%s", text);
        loop_timer_set(run->ending, 0);
    }
}

void run_kill(struct run *run)
{
    fake_run_exit(run, RUN_KILLED, 137, "");
}

void run_drain(struct run *run, uint64_t grace_ns)
{
    run->grace_ns = grace_ns;
    if (run->plan.kind == RUN_COMMAND) {
        fake_run_exit(run, RUN_STOPPED, 143, "");
    }
}

void run_pause(struct run *run)
{
    run->paused = true;
}

void run_resume(struct run *run)
{
    run->paused = false;
}

void run_update(struct run *run, const struct grant_limits *limits)
{
    run->memory = limits->memory_bytes;
}

void run_read_counters(const struct run *run, struct engine_counters *ret)
{
    *ret = run->plan.counters;
}

bool run_read_latency(const struct run *run, struct engine_latency *ret)
{
    if (run->plan.counters.requests > 0) {
        *ret = run->plan.latency;
    }
    return run->plan.counters.requests > 0;
}

struct run *run_free(own struct run *run)
{
    if (run) {
        all.at[run->index] = NULL;
        all.left--;
        (void)fd_close(run->wasm);
        (void)fd_close(run->stdio.in);
        (void)fd_close(run->stdio.out);
        (void)fd_close(run->stdio.err);
        (void)loop_timer_free(run->ready);
        (void)loop_timer_free(run->starting);
        (void)loop_timer_free(run->ending);
        free(run);
    }
    return NULL;
}

const char *fake_run_domain(const struct run *run)
{
    return run->domain;
}

const char *fake_run_name(const struct run *run)
{
    return run->name;
}

const char *fake_run_file(const struct run *run, enum grant_text which)
{
    return run->files[which];
}

uint64_t fake_run_memory(const struct run *run)
{
    return run->memory;
}

uint64_t fake_run_grace(const struct run *run)
{
    return run->grace_ns;
}

bool fake_run_is_paused(const struct run *run)
{
    return run->paused;
}

const struct run_stdio *fake_run_stdio(const struct run *run)
{
    return &run->stdio;
}
