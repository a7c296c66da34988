/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of families: those of counters.def, and a few that are no counters. Numbers are put
 * together by hand: 10,000 containers are a hundred thousand lines, and printf(3) would take most of
 * the time.
 */
#include "runtime/stats/metrics.h"

#include <string.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/text.h"
#include "runtime/engine/counters.h"

#define PREFIX "skep_container_"

enum unit { ONE, BYTES, NS, MS };
enum whose { ALL, SERVER, QUOTA };
enum { DIGITS_MAX = 20, LABELS_BYTES_MAX = 16 * METRICS_LABEL_MAX };

struct family {
    const char *name;
    const char *type;
    const char *text;
    enum unit unit;
    enum whose whose;
    void (*put)(const struct family *family, const struct metrics_subject *subject,
                struct buf *out);
    size_t at; /* in the counters */
};

/* ---- words ---- */

static void put_words(struct buf *out, const char *words)
{
    buf_put(out, words, strlen(words));
}

static void put_u64(struct buf *out, uint64_t value, size_t least_digits)
{
    char digits[DIGITS_MAX];
    size_t at = DIGITS_MAX;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0 || DIGITS_MAX - at < least_digits);
    buf_put(out, digits + at, DIGITS_MAX - at);
}

static void put_value(struct buf *out, uint64_t value, enum unit unit)
{
    static const struct {
        uint64_t per_second;
        size_t digits;
    } parts[] = {[NS] = {1000000000, 9}, [MS] = {1000, 3}};

    if (unit == ONE || unit == BYTES) {
        put_u64(out, value, 1);
        return;
    }
    put_u64(out, value / parts[unit].per_second, 1);
    buf_put_u8(out, '.');
    put_u64(out, value % parts[unit].per_second, parts[unit].digits);
}

/* A backslash, a quote and a line feed are what the format escapes. */
static void put_escaped(struct buf *out, const char *value)
{
    for (;;) {
        size_t plain = strcspn(value, "\\\"\n");

        buf_put(out, value, plain);
        value += plain;
        if (*value == '\0') {
            return;
        }
        buf_put_u8(out, '\\');
        buf_put_u8(out, *value == '\n' ? 'n' : (uint8_t)*value);
        value++;
    }
}

static void put_label(struct buf *out, const char *name, const char *value)
{
    put_words(out, name);
    put_words(out, "=\"");
    put_escaped(out, value);
    put_words(out, "\"");
}

/* All but the brace at the end. The words of Kubernetes have the names that its own metrics give
 * them, so that both can be joined. */
static void put_labels(struct buf *out, const struct metrics_subject *subject)
{
    put_label(out, "{containerd_namespace", subject->space);
    put_label(out, ",id", subject->id);
    if (subject->pod[0] != '\0') {
        put_label(out, ",namespace", subject->pod_namespace);
        put_label(out, ",pod", subject->pod);
        put_label(out, ",container", subject->name);
    }
}

static void put_name(struct buf *out, const struct family *family, const char *suffix)
{
    put_words(out, PREFIX);
    put_words(out, family->name);
    put_words(out, suffix);
}

static void put_sample(const struct family *family, const struct metrics_subject *subject,
                       uint64_t value, struct buf *out)
{
    put_name(out, family, "");
    put_labels(out, subject);
    put_words(out, "} ");
    put_value(out, value, family->unit);
    put_words(out, "\n");
}

/* ---- families ---- */

static void put_counter(const struct family *family, const struct metrics_subject *subject,
                        struct buf *out)
{
    const uint8_t *counters = (const uint8_t *)subject->counters;
    uint64_t value = 0;

    memcpy(&value, counters + family->at, sizeof(value));
    put_sample(family, subject, value, out);
}

static void put_info(const struct family *family, const struct metrics_subject *subject,
                     struct buf *out)
{
    put_name(out, family, "");
    put_labels(out, subject);
    put_label(out, ",kind", subject->kind);
    put_label(out, ",image", subject->image);
    put_words(out, "} 1\n");
}

static void put_running(const struct family *family, const struct metrics_subject *subject,
                        struct buf *out)
{
    put_sample(family, subject, subject->is_running ? 1 : 0, out);
}

static void put_started(const struct family *family, const struct metrics_subject *subject,
                        struct buf *out)
{
    if (subject->started_ms != 0) {
        put_sample(family, subject, subject->started_ms, out);
    }
}

static void put_memory_limit(const struct family *family, const struct metrics_subject *subject,
                             struct buf *out)
{
    if (subject->memory_limit != 0) {
        put_sample(family, subject, subject->memory_limit, out);
    }
}

static void put_bucket(const struct family *family, struct text labels, const char *bound,
                       uint64_t count, struct buf *out)
{
    put_name(out, family, "_bucket");
    buf_put(out, labels.at, labels.length);
    put_label(out, ",le", bound);
    put_words(out, "} ");
    put_u64(out, count, 1);
    put_words(out, "\n");
}

/* Every fourth bucket, because each is a series in somebody's memory: bounds of 16 us, 64 us, …,
 * 67 s. `skep top` has all of them. */
static void put_latency(const struct family *family, const struct metrics_subject *subject,
                        struct buf *out)
{
    static const char *const bounds[] = {"0.000016", "0.000064", "0.000256", "0.001024",
                                         "0.004096", "0.016384", "0.065536", "0.262144",
                                         "1.048576", "4.194304", "16.777216", "67.108864"};
    enum { STEP = 4 };
    const struct engine_latency *latency = subject->latency;
    AUTO(buf_fini) struct buf labels = BUF(LABELS_BYTES_MAX);
    struct text text;
    uint64_t sum = 0;
    unsigned next = 0;

    _Static_assert((ARRAY_SIZE(bounds) - 1) * STEP + 2 == ENGINE_LATENCY_BUCKETS,
                   "the last bound is the last of the engine's");
    if (!latency) {
        return;
    }
    put_labels(&labels, subject);
    text = (struct text){(const char *)labels.data, labels.length};
    for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
        for (; next <= i * STEP; next++) {
            sum += latency->buckets[next];
        }
        put_bucket(family, text, bounds[i], sum, out);
    }
    sum += latency->buckets[ENGINE_LATENCY_BUCKETS - 1];
    put_bucket(family, text, "+Inf", sum, out);
    put_name(out, family, "_sum");
    buf_put(out, text.at, text.length);
    put_words(out, "} ");
    put_value(out, latency->sum_ns, NS);
    put_words(out, "\n");
    put_name(out, family, "_count");
    buf_put(out, text.at, text.length);
    put_words(out, "} ");
    put_u64(out, sum, 1);
    put_words(out, "\n");
}

#define SUM "counter"
#define GAUGE "gauge"
#define PEAK "gauge"

static const struct family families[] = {
#define COUNTER(name, kind, unit, whose, metric, text)                                           \
    {#metric, kind, text, unit, whose, put_counter, offsetof(struct engine_counters, name)},
#include "runtime/engine/counters.def"
#undef COUNTER
    {"request_seconds", "histogram", "time from the head of a request to the head of its answer",
     NS, SERVER, put_latency, 0},
    {"memory_limit_bytes", GAUGE, "most memory that its instances may hold", BYTES, ALL,
     put_memory_limit, 0},
    {"running", GAUGE, "1 while it runs, else 0", ONE, ALL, put_running, 0},
    {"start_time_seconds", GAUGE, "when it was started, since 1970", MS, ALL, put_started, 0},
    {"info", GAUGE, "always 1; what it is", ONE, ALL, put_info, 0},
};

#undef SUM
#undef GAUGE
#undef PEAK

size_t metrics_families(void)
{
    return ARRAY_SIZE(families);
}

void metrics_put_head(size_t family, struct buf *out)
{
    const struct family *head = &families[family];

    put_words(out, "# HELP " PREFIX);
    put_words(out, head->name);
    put_words(out, " ");
    put_words(out, head->text);
    put_words(out, "\n# TYPE " PREFIX);
    put_words(out, head->name);
    put_words(out, " ");
    put_words(out, head->type);
    put_words(out, "\n");
}

void metrics_put_samples(size_t family, const struct metrics_subject *subject, struct buf *out)
{
    const struct family *row = &families[family];

    if (subject->is_pause || (row->whose == SERVER && !subject->is_server) ||
        (row->whose == QUOTA && !subject->has_quota)) {
        return;
    }
    row->put(row, subject, out);
}
