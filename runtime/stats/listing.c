/* SPDX-License-Identifier: Apache-2.0 */
/* Keys are the names of counters.def and of struct metrics_subject. Whoever reads takes what it
 * knows, so that skep and a skepd of another build understand each other. */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/engine/counters.h"
#include "runtime/stats/metrics.h"

/* JSON's readers have numbers of 63 bits. */
static uint64_t clipped(uint64_t value)
{
    return value < INT64_MAX ? value : INT64_MAX;
}

static void put_text(struct buf *out, const char *key, const char *value)
{
    buf_print(out, "\"%s\":", key);
    buf_put_json(out, text_of(value));
    buf_put_u8(out, ',');
}

static void put_counters(struct buf *out, const struct engine_counters *counters)
{
    const char *comma = "";

    buf_print(out, "\"counters\":{");
#define COUNTER(name, ...)                                                                       \
    buf_print(out, "%s\"" #name "\":%" PRIu64, comma, clipped(counters->name));                  \
    comma = ",";
#include "runtime/engine/counters.def"
#undef COUNTER
    buf_put_u8(out, '}');
}

static void put_latency(struct buf *out, const struct engine_latency *latency)
{
    const char *comma = "";

    buf_print(out, ",\"latency\":{\"sum_ns\":%" PRIu64 ",\"buckets\":[", clipped(latency->sum_ns));
    for (size_t i = 0; i < ENGINE_LATENCY_BUCKETS; i++) {
        if (latency->buckets[i] != 0) {
            buf_print(out, "%s[%zu,%" PRIu64 "]", comma, i, clipped(latency->buckets[i]));
            comma = ",";
        }
    }
    buf_print(out, "]}");
}

void metrics_put_line(const struct metrics_subject *subject, struct buf *out)
{
    buf_put_u8(out, '{');
    put_text(out, "containerd_namespace", subject->space);
    put_text(out, "id", subject->id);
    put_text(out, "namespace", subject->pod_namespace);
    put_text(out, "pod", subject->pod);
    put_text(out, "container", subject->name);
    put_text(out, "image", subject->image);
    put_text(out, "kind", subject->kind);
    put_text(out, "state", subject->state);
    buf_print(out, "\"started_ms\":%" PRIu64 ",\"memory_limit\":%" PRIu64 ",\"execs\":%" PRIu64 ",",
              clipped(subject->started_ms), clipped(subject->memory_limit),
              clipped(subject->execs));
    put_counters(out, subject->counters);
    if (subject->latency) {
        put_latency(out, subject->latency);
    }
    buf_print(out, "}\n");
}

/* ---- reading ---- */

static const char *text_at(const struct node *object, const char *key)
{
    const char *text = node_string(node_member(object, key));

    return text ? text : "";
}

static uint64_t number_at(const struct node *object, const char *key)
{
    int64_t number = 0;

    return node_integer(node_member(object, key), &number) && number > 0 ? (uint64_t)number : 0;
}

static void read_buckets(const struct node *list, struct engine_latency *ret)
{
    for (size_t i = 0; i < node_count(list); i++) {
        const struct node *pair = node_item(list, i);
        int64_t index = -1;
        int64_t count = -1;

        if (node_count(pair) == 2 && node_integer(node_item(pair, 0), &index) &&
            node_integer(node_item(pair, 1), &count) && index >= 0 &&
            index < ENGINE_LATENCY_BUCKETS && count >= 0) {
            ret->buckets[index] = (uint64_t)count;
        }
    }
}

static void read_numbers(const struct node *root, struct metrics_line *ret)
{
    const struct node *counters = node_member(root, "counters");
    const struct node *latency = node_member(root, "latency");

#define COUNTER(name, ...) ret->counters.name = number_at(counters, #name);
#include "runtime/engine/counters.def"
#undef COUNTER
    ret->subject.counters = &ret->counters;
    if (latency) {
        ret->latency.sum_ns = number_at(latency, "sum_ns");
        read_buckets(node_member(latency, "buckets"), &ret->latency);
        ret->subject.latency = &ret->latency;
    }
}

int metrics_read_line(struct text line, struct metrics_line *ret, struct fault *why)
{
    struct metrics_subject *subject = &ret->subject;
    const struct node *root = NULL;

    *ret = (struct metrics_line){.document = NULL};
    TRY(node_parse(line, "a container's line", METRICS_PUT_BYTES_MAX, &ret->document, why));
    root = ret->document;
    *subject = (struct metrics_subject){.space = text_at(root, "containerd_namespace"),
                                        .id = text_at(root, "id"),
                                        .pod_namespace = text_at(root, "namespace"),
                                        .pod = text_at(root, "pod"),
                                        .name = text_at(root, "container"),
                                        .image = text_at(root, "image"),
                                        .kind = text_at(root, "kind"),
                                        .state = text_at(root, "state"),
                                        .started_ms = number_at(root, "started_ms"),
                                        .memory_limit = number_at(root, "memory_limit"),
                                        .execs = number_at(root, "execs")};
    if (subject->id[0] == '\0') {
        return fault(why, FAULT_INVALID, "a container's line has no id");
    }
    subject->is_pause = strcmp(subject->kind, "pause") == 0;
    subject->is_server = strcmp(subject->kind, "server") == 0;
    subject->is_running =
        strcmp(subject->state, "running") == 0 || strcmp(subject->state, "paused") == 0;
    read_numbers(root, ret);
    return 0;
}

void metrics_line_fini(struct metrics_line *line)
{
    line->document = node_free(line->document);
}
