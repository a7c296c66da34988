/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run goes through its states in one direction: its component is compiled, what its grant names
 * is opened, it is loaded, and waits to be started. Its worker may die while it waits; then it is
 * loaded once more elsewhere when it starts. What is asked of it before the worker knows it is
 * remembered and sent right behind START.
 */
#include "runtime/supervisor/run.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "runtime/broker/netns.h"
#include "runtime/supervisor/placement.h"
#include "runtime/supervisor/run_inside.h"

static void exit_told(struct run *run, enum run_how how, uint32_t code, const char *text)
{
    struct run_exit word = {.how = how, .code = code};

    memcpy(word.text, text, strnlen(text, sizeof(word.text) - 1));
    run->state = RUN_OVER;
    link_end(run);
    run->task = worker_task_free(run->task);
    run->component = component_unref(run->component);
    run_close(run);
    run->events.on_exit(run->owner, &word);
}

void run_fail(struct run *run, const struct fault *why)
{
    bool was_started = run->state == RUN_STARTING;
    struct fault copy = *why;

    if (run->is_announced) {
        link_say(run, "failed", copy.text);
        exit_told(run, RUN_FAILED, 128, copy.text);
        return;
    }
    run->state = RUN_OVER;
    run->task = worker_task_free(run->task);
    run_close(run);
    if (was_started) {
        run->events.on_started(run->owner, &copy);
    } else {
        run->events.on_ready(run->owner, run->kind, &copy);
    }
}

static void run_be_ready(struct run *run)
{
    run->state = RUN_READY;
    run->plan.grant = NULL;
    run->events.on_ready(run->owner, run->kind, NULL);
}

static void on_opened(void *owner, struct opened *opened, const struct fault *failed)
{
    struct run *run = (struct run *)owner;
    struct fault why = {0};

    run->opening = NULL;
    if (failed) {
        run_fail(run, failed);
        return;
    }
    run->opened = *opened;
    *opened = (struct opened){.listener = -1, .network = -1};
    if (run_grant_put(run, &why) < 0) {
        run_fail(run, &why);
        return;
    }
    if (run->single) {
        run_be_ready(run); /* who it is linked with shows when it starts */
        return;
    }
    run->state = RUN_LOADING;
    run_load(run);
}

static void on_component(void *owner, struct component *component, const struct fault *failed)
{
    struct run *run = (struct run *)owner;
    const struct description *description = NULL;

    if (failed) {
        run->plan.wasm = fd_close(run->plan.wasm);
        run_fail(run, failed);
        return;
    }
    run->component = component_ref(component);
    description = component_description(component);
    run->kind = run->is_call ? RUN_COMMAND : description->kind;
    run->is_open = description->open.kind != FAULT_NONE && run->kind != RUN_LIBRARY;
    if (run->link.place.kin && (run->is_open || run->kind == RUN_LIBRARY)) {
        run->single = component_ref(component);
    } else {
        run->plan.wasm = fd_close(run->plan.wasm);
    }
    if (run->kind == RUN_LIBRARY && !run->single) {
        run_be_ready(run);
    } else if (run->is_open && !run->single) {
        run_fail(run, &description->open);
    } else {
        run->state = RUN_OPENING;
        run->opening = opening_begin(run->supervisor, &run->plan, description, on_opened, run);
    }
}

/* It is loaded and was started: off it goes. */
static void run_go(struct run *run)
{
    struct worker_task_grant grant = run_grant(run);
    struct worker_task_grant *parts = link_grants(run);
    struct fault why = {0};
    int done = 0;

    grant.parts = parts;
    grant.parts_count = run->link.parts_count;
    done = worker_task_start(run->task, &grant, &why);
    link_grants_free(parts, run->link.parts_count);
    run_grant_fini(&grant);
    if (done < 0) {
        run_fail(run, &why);
        return;
    }
    link_end(run);
    run_close(run);
    run->is_sent = true;
    run_send_wishes(run);
}

/* A worker that died under a run that did nothing yet is not the run's fault: once more. */
static bool try_again(struct run *run, const struct fault *failed)
{
    if (failed->kind != FAULT_UNAVAILABLE || run->is_second_try || run->is_sent) {
        return false;
    }
    run->is_second_try = true;
    run->task = worker_task_free(run->task);
    run_load(run);
    return true;
}

static bool is_kind(const struct run *run, enum message_component kind)
{
    return run->is_call || (run->kind == RUN_COMMAND && kind == MESSAGE_COMMAND) ||
           (run->kind == RUN_SERVER && kind == MESSAGE_SERVER);
}

static void on_loaded(void *owner, enum message_component kind, const struct fault *failed)
{
    struct run *run = (struct run *)owner;
    struct fault why = {0};

    if (failed) {
        if (!try_again(run, failed)) {
            run_fail(run, failed);
        }
    } else if (!is_kind(run, kind)) {
        (void)fault(&why, FAULT_INTERNAL, "compiler and worker do not agree on what it is");
        run_fail(run, &why);
    } else {
        run->is_loaded = true;
        if (run->state == RUN_LOADING) {
            run_be_ready(run);
        } else if (run->later.turn == 0) { /* else somebody came or went meanwhile */
            run_go(run);
        }
    }
}

static void on_started(void *owner, const struct fault *failed)
{
    struct run *run = (struct run *)owner;

    if (failed) {
        run_fail(run, failed);
        return;
    }
    run->state = RUN_RUNNING;
    if (!run->is_announced) {
        run->events.on_started(run->owner, NULL);
    }
}

static void exit_word(const struct message_exited *end, const struct fault *lost,
                      struct run_exit *ret)
{
    static const struct ending {
        enum run_how how;
        uint32_t code;
    } endings[] = {
        [MESSAGE_EXITED_BY_ITSELF] = {RUN_EXITED, 0},
        [MESSAGE_TRAPPED] = {RUN_TRAPPED, 134},
        [MESSAGE_OOM] = {RUN_OOM, 137},
        [MESSAGE_KILLED] = {RUN_KILLED, 137},
        [MESSAGE_STOPPED] = {RUN_STOPPED, 143},
        [MESSAGE_FAILED] = {RUN_FAILED, 128},
    };
    const char *text = lost ? lost->text : end->text;

    *ret = (struct run_exit){.how = RUN_LOST, .code = 255};
    if (!lost) {
        ret->how = endings[end->how].how;
        ret->code = ret->how == RUN_EXITED ? end->code : endings[end->how].code;
    }
    memcpy(ret->text, text, strnlen(text, sizeof(ret->text) - 1));
}

static void on_ended(void *owner, const struct message_exited *end, const struct fault *lost)
{
    struct run *run = (struct run *)owner;
    struct run_exit word;

    if (run->state != RUN_RUNNING) { /* loaded, not started: it is loaded anew when it is */
        run->task = worker_task_free(run->task);
        run->is_loaded = false;
        if (run->state == RUN_STARTING || run->state == RUN_LINKING) {
            run_load(run);
        }
        return;
    }
    exit_word(end, lost, &word);
    run->state = RUN_OVER;
    run->opened.netns = netns_free(run->opened.netns);
    run->component = component_unref(run->component);
    run->events.on_exit(run->owner, &word);
}

void run_load(struct run *run)
{
    static const struct worker_task_events events = {
        .on_loaded = on_loaded, .on_started = on_started, .on_ended = on_ended};
    struct worker_process *worker = NULL;
    struct fault why = {0};

    if (placement_worker(run->supervisor->placement, run->domain, &worker, &why) < 0) {
        run_fail(run, &why);
        return;
    }
    run->task = worker_task_new(worker, run->component, &events, run);
}

/* A turn of one that is to be linked: the first one tells that it runs. */
static void run_link(struct run *run)
{
    if (!run->is_announced) {
        run->is_announced = true;
        laters_add(run->supervisor->laters, &run->later);
        run->events.on_started(run->owner, NULL);
    } else if (run->is_sent) {
        return;
    } else if (run->wishes.kill) {
        exit_told(run, RUN_KILLED, 137, "");
    } else if (run->wishes.drain) {
        exit_told(run, RUN_STOPPED, 143, "");
    } else {
        run->task = worker_task_free(run->task);
        run->is_loaded = false;
        run->component = component_unref(run->component);
        link_try(run);
    }
}

/* One turn after run_new() or run_start(). */
static void run_later(void *owner)
{
    struct run *run = (struct run *)owner;
    struct fault why = {0};

    if (run->state == RUN_COMPILING) {
        (void)fault(&why, FAULT_INVALID, "\"%.80s\" is no sha256 digest", run->plan.digest);
        run_fail(run, &why);
    } else if (run->state == RUN_LINKING) {
        run_link(run);
    } else if (run->is_loaded) {
        run_go(run);
    } else if (!run->task) {
        run_load(run);
    }
}

static bool digest_parse(const char *digest, char ret[DIGEST_HEX_ROOM])
{
    static const char prefix[] = "sha256:";
    const char *hex = digest + sizeof(prefix) - 1;

    if (strncmp(digest, prefix, sizeof(prefix) - 1) != 0 || strlen(hex) != DIGEST_HEX_LENGTH ||
        strspn(hex, "0123456789abcdef") != DIGEST_HEX_LENGTH) {
        return false;
    }
    memcpy(ret, hex, DIGEST_HEX_ROOM);
    return true;
}

int run_new(struct supervisor *supervisor, const struct run_plan *plan,
            const struct run_events *events, void *owner, own struct run **ret)
{
    struct run *run = NEW(struct run);

    run->supervisor = supervisor;
    run->events = *events;
    run->owner = owner;
    run->domain = COPY_TEXT(plan->domain);
    run->address = plan->address ? COPY_TEXT(plan->address) : NULL;
    run->title = COPY_TEXT(plan->title ? plan->title : plan->name);
    run->link_wait_ns =
        plan->grant->link_wait_ns > 0 ? plan->grant->link_wait_ns : LINK_WAIT_S * NS_PER_S;
    run->link.place.run = run;
    if (plan->pod) {
        kin_join(supervisor->kins, plan->pod, &run->link.place);
    }
    run->plan = *plan;
    run->is_call = plan->grant->call != NULL;
    run->plan.address = run->address;
    run->opened.listener = -1;
    run->opened.network = -1;
    run->memory = -1;
    run->stdio = (struct run_stdio){-1, -1, -1};
    run->later = (struct later){.fn = run_later, .owner = run};
    run->wait = (struct component_wait){.fn = on_component, .owner = run};
    if (digest_parse(plan->digest, run->digest)) {
        compiler_get(supervisor->compiler, run->digest, plan->wasm, &run->wait);
    } else {
        run->plan.digest = "";
        laters_add(supervisor->laters, &run->later);
    }
    *ret = run;
    return 0;
}

int run_start(struct run *run, const struct run_stdio *stdio, struct fault *why)
{
    if (run->state != RUN_READY || run->kind == RUN_LIBRARY) {
        return fault(why, FAULT_STATE, "%s",
                     run->kind == RUN_LIBRARY
                         ? "it is a library: it exports nothing that could be started"
                         : "it is not ready to be started");
    }
    run->stdio = *stdio;
    run->state = run->single ? RUN_LINKING : RUN_STARTING;
    run->is_second_try = false;
    laters_add(run->supervisor->laters, &run->later);
    return 0;
}

int run_provide(struct run *run, const struct run_stdio *stdio, struct fault *why)
{
    if (run->state != RUN_READY || run->kind != RUN_LIBRARY || !run->single) {
        return fault(why, FAULT_STATE, "it is no library of a pod, ready to be linked");
    }
    if (!kin_provide(&run->link.place)) {
        return fault(why, FAULT_LIMIT, "a pod has at most %d containers that others are linked to",
                     KIN_PROVIDERS_MAX);
    }
    run->stdio = *stdio;
    run->state = RUN_PROVIDING;
    return 0;
}

struct run *run_free(own struct run *run)
{
    if (!run) {
        return NULL;
    }
    link_end(run);
    laters_remove(run->supervisor->laters, &run->later);
    component_forget(&run->wait);
    opening_forget(run->opening);
    run->task = worker_task_free(run->task);
    run->component = component_unref(run->component);
    run->single = component_unref(run->single);
    run_close(run);
    opened_fini(&run->opened);
    run->plan.wasm = fd_close(run->plan.wasm);
    free(run->address);
    free(run->title);
    free(run->domain);
    free(run);
    return NULL;
}
