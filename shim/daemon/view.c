/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between two pieces the place is kept as a name, not as a pointer, because the container may be
 * gone by then.
 */
#include "shim/daemon/view.h"

#include <stdio.h>

#include "base/bytes.h"
#include "runtime/grant/grant.h"
#include "runtime/stats/metrics.h"
#include "shim/build.h"
#include "shim/pod/container.h"
#include "shim/pod/pods.h"

_Static_assert((int)CONTAINER_WORD_MAX == (int)METRICS_LABEL_MAX, "words fit into labels");

static const char *kind_name(const struct container *container)
{
    static const char *const names[] = {
        [RUN_COMMAND] = "command", [RUN_SERVER] = "server", [RUN_LIBRARY] = "library"};

    return container->is_sandbox ? "pause" : names[container->init.kind];
}

static const char *word(const struct container *container, enum container_word which)
{
    return container->words[which] ? container->words[which] : "";
}

static uint64_t wall_ms(const struct wall_time *time)
{
    return time->seconds > 0 ? (uint64_t)time->seconds * 1000 + (uint64_t)time->nanos / 1000000 : 0;
}

struct numbers {
    struct engine_counters counters;
    struct engine_latency latency;
};

static void subject_fill(const struct container *container, struct numbers *numbers,
                         struct metrics_subject *ret)
{
    const struct guest *init = &container->init;
    const struct grant *grant = init->grant;

    container_counters(container, &numbers->counters);
    *ret = (struct metrics_subject){
        .space = container->namespace_id,
        .id = container->id,
        .pod_namespace = word(container, CONTAINER_POD_NAMESPACE),
        .pod = word(container, CONTAINER_POD),
        .name = word(container, CONTAINER_NAME),
        .image = word(container, CONTAINER_IMAGE),
        .kind = kind_name(container),
        .state = guest_state_name(init->state),
        .is_pause = container->is_sandbox,
        .is_running = init->state == GUEST_RUNNING || init->state == GUEST_PAUSED,
        .is_server = !init->is_virtual && init->kind == RUN_SERVER,
        .has_quota = grant && grant->limits.cpu_quota_ns != 0,
        .started_ms = wall_ms(&init->started),
        .memory_limit = grant ? grant->limits.memory_bytes : 0,
        .execs = container->execs_count,
        .counters = &numbers->counters,
        .latency = container_latency(container, &numbers->latency) ? &numbers->latency : NULL,
    };
}

/* The next that can be seen; NULL at the end. */
static struct container *next_seen(const struct view *view, struct pods *pods,
                                   struct container *last)
{
    struct container *next =
        last ? pods_next(pods, last) : pods_behind(pods, view->namespace_id, view->id);

    while (next && (next->is_gone || next->init.state == GUEST_PREPARING)) {
        next = pods_next(pods, next);
    }
    return next;
}

static void place_keep(struct view *view, const struct container *last)
{
    (void)snprintf(view->namespace_id, sizeof(view->namespace_id), "%s",
                   last ? last->namespace_id : "");
    (void)snprintf(view->id, sizeof(view->id), "%s", last ? last->id : "");
}

/* All that fits of one pass over the containers, @looks at the most. Return: whether it is at its
 * end. */
static bool pass(struct view *view, struct pods *pods, size_t until, size_t *looks,
                 struct buf *out)
{
    struct container *last = NULL;
    struct numbers numbers;
    struct metrics_subject subject;

    for (; out->length < until && *looks > 0; (*looks)--) {
        struct container *next = next_seen(view, pods, last);

        if (!next) {
            place_keep(view, NULL);
            return true;
        }
        subject_fill(next, &numbers, &subject);
        if (view->what == QUESTION_METRICS) {
            metrics_put_samples(view->family, &subject, out);
        } else {
            metrics_put_line(&subject, out);
        }
        last = next;
    }
    if (last) {
        place_keep(view, last);
    }
    return false;
}

/* Of the daemon itself. */
static void put_daemon(struct pods *pods, struct buf *out)
{
    buf_print(out, "# HELP skep_build_info always 1; the build of skepd\n"
                   "# TYPE skep_build_info gauge\n"
                   "skep_build_info{version=\"" BUILD_ID "\"} 1\n"
                   "# HELP skep_containers containers, those of pods' own sandboxes included\n"
                   "# TYPE skep_containers gauge\n"
                   "skep_containers %zu\n",
              pods_count(pods));
}

static void put_head(const struct view *view, struct pods *pods, struct buf *out)
{
    if (view->what == QUESTION_METRICS && view->family == 0) {
        put_daemon(pods, out);
    }
    if (view->what == QUESTION_METRICS) {
        metrics_put_head(view->family, out);
    }
}

void view_put(struct view *view, struct pods *pods, size_t bytes, struct buf *out)
{
    size_t until = out->length + bytes;
    size_t looks = VIEW_LOOKS_MAX;
    size_t passes = view->what == QUESTION_METRICS ? metrics_families() : 1;

    while (!view->is_over && out->length < until && looks > 0) {
        if (!view->has_head) {
            put_head(view, pods, out);
            view->has_head = true;
        }
        if (pass(view, pods, until, &looks, out)) {
            view->has_head = false;
            view->family++;
            view->is_over = view->family == passes;
        }
    }
}
