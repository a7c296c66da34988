/* SPDX-License-Identifier: Apache-2.0 */
/* The words for others: names, units, escaping, and how many lines one container makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/engine/counters.h"
#include "runtime/stats/counters.h"
#include "runtime/stats/metrics.h"

enum { TEXT_MAX = 256 * 1024 };

static struct engine_counters counters;
static struct engine_latency latency;

/* A server in a pod. */
static struct metrics_subject server(void)
{
    counters = (struct engine_counters){.cpu_ns = UINT64_C(12000000345),
                                        .memory_bytes = 65536,
                                        .requests = 7,
                                        .throttled_ns = 5};
    latency = (struct engine_latency){.sum_ns = UINT64_C(1500000000)};
    latency.buckets[0] = 1;  /* below 16 us */
    latency.buckets[1] = 2;  /* 16 to 24 us */
    latency.buckets[4] = 1;  /* 48 to 64 us */
    latency.buckets[5] = 1;  /* 64 to 96 us */
    latency.buckets[ENGINE_LATENCY_BUCKETS - 2] = 1;
    latency.buckets[ENGINE_LATENCY_BUCKETS - 1] = 1;
    return (struct metrics_subject){.space = "k8s.io",
                                    .id = "abc",
                                    .pod_namespace = "shop",
                                    .pod = "cart-1",
                                    .name = "web",
                                    .image = "registry.example/cart:1",
                                    .kind = "server",
                                    .state = "running",
                                    .is_running = true,
                                    .is_server = true,
                                    .has_quota = true,
                                    .started_ms = UINT64_C(1700000000042),
                                    .memory_limit = 1 << 20,
                                    .execs = 2,
                                    .counters = &counters,
                                    .latency = &latency};
}

/* The whole text for one container, NUL-terminated. */
static const char *text_for(const struct metrics_subject *subject, struct buf *out)
{
    out->length = 0;
    for (size_t i = 0; i < metrics_families(); i++) {
        metrics_put_head(i, out);
        metrics_put_samples(i, subject, out);
    }
    assert_false(out->overflow);
    buf_put_u8(out, 0);
    return (const char *)out->data;
}

static void has(const char *text, const char *line)
{
    if (!strstr(text, line)) {
        fail_msg("no \"%s\" in\n%s", line, text);
    }
}

static size_t lines_of(const char *text, const char *start)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, start)) != NULL; at += strlen(start)) {
        count += at == text || at[-1] == '\n' ? 1 : 0;
    }
    return count;
}

#define LABELS "{containerd_namespace=\"k8s.io\",id=\"abc\",namespace=\"shop\",pod=\"cart-1\","      \
               "container=\"web\""

static void a_server_has_samples_with_names_units_and_labels(void **state)
{
    AUTO(buf_fini) struct buf out = BUF(TEXT_MAX);
    struct metrics_subject subject = server();
    const char *text = text_for(&subject, &out);

    (void)state;
    has(text, "# HELP skep_container_cpu_seconds_total CPU time spent inside its instances\n"
              "# TYPE skep_container_cpu_seconds_total counter\n"
              "skep_container_cpu_seconds_total" LABELS "} 12.000000345\n");
    has(text, "# TYPE skep_container_memory_bytes gauge\n"
              "skep_container_memory_bytes" LABELS "} 65536\n");
    has(text, "\nskep_container_requests_total" LABELS "} 7\n");
    has(text, "\nskep_container_cpu_throttled_seconds_total" LABELS "} 0.000000005\n");
    has(text, "\nskep_container_memory_limit_bytes" LABELS "} 1048576\n");
    has(text, "\nskep_container_running" LABELS "} 1\n");
    has(text, "\nskep_container_start_time_seconds" LABELS "} 1700000000.042\n");
    has(text, "\nskep_container_info" LABELS
              ",kind=\"server\",image=\"registry.example/cart:1\"} 1\n");
}

static void buckets_add_up(void **state)
{
    AUTO(buf_fini) struct buf out = BUF(TEXT_MAX);
    struct metrics_subject subject = server();
    const char *text = text_for(&subject, &out);

    (void)state;
    has(text, "# TYPE skep_container_request_seconds histogram\n"
              "skep_container_request_seconds_bucket" LABELS ",le=\"0.000016\"} 1\n"
              "skep_container_request_seconds_bucket" LABELS ",le=\"0.000064\"} 4\n"
              "skep_container_request_seconds_bucket" LABELS ",le=\"0.000256\"} 5\n");
    has(text, "skep_container_request_seconds_bucket" LABELS ",le=\"16.777216\"} 5\n"
              "skep_container_request_seconds_bucket" LABELS ",le=\"67.108864\"} 6\n"
              "skep_container_request_seconds_bucket" LABELS ",le=\"+Inf\"} 7\n"
              "skep_container_request_seconds_sum" LABELS "} 1.500000000\n"
              "skep_container_request_seconds_count" LABELS "} 7\n");
}

/* Each bound of the text is the lower bound of the engine's bucket behind it. */
static void bounds_are_those_of_the_engine(void **state)
{
    AUTO(buf_fini) struct buf out = BUF(TEXT_MAX);
    struct metrics_subject subject = server();
    const char *at = text_for(&subject, &out);
    unsigned index = 1;

    (void)state;
    while ((at = strstr(at, ",le=\"0.")) != NULL || index == 1) {
        assert_non_null(at);
        assert_int_equal((uint64_t)(strtod(at + 5, NULL) * 1e6 + 0.5),
                         engine_latency_from_us(index));
        index += 4;
        at++;
    }
    assert_int_equal(index, 1 + 8 * 4);
}

static void no_container_makes_more_lines_than_the_maximum(void **state)
{
    AUTO(buf_fini) struct buf out = BUF(TEXT_MAX);
    struct metrics_subject subject = server();
    size_t samples = lines_of(text_for(&subject, &out), "skep_container_");

    (void)state;
    assert_true(samples > 20);
    assert_true(samples <= METRICS_SAMPLES_MAX);
    subject.is_server = false;
    subject.has_quota = false;
    subject.latency = NULL;
    samples = lines_of(text_for(&subject, &out), "skep_container_");
    assert_int_equal(samples, 10);
    subject.is_pause = true;
    assert_int_equal(lines_of(text_for(&subject, &out), "skep_container_"), 0);
}

static void outside_of_kubernetes_there_are_two_labels(void **state)
{
    AUTO(buf_fini) struct buf out = BUF(TEXT_MAX);
    struct metrics_subject subject = server();

    (void)state;
    subject.pod = "";
    subject.pod_namespace = "";
    subject.name = "";
    has(text_for(&subject, &out),
        "\nskep_container_requests_total{containerd_namespace=\"k8s.io\",id=\"abc\"} 7\n");
}

static void label_values_are_escaped(void **state)
{
    AUTO(buf_fini) struct buf out = BUF(TEXT_MAX);
    struct metrics_subject subject = server();

    (void)state;
    subject.pod = "a\"} 1\nb\\";
    has(text_for(&subject, &out), ",pod=\"a\\\"} 1\\nb\\\\\",");
    assert_int_equal(lines_of((const char *)out.data, "b"), 0);
}

static void the_longest_labels_fit(void **state)
{
    AUTO(buf_fini) struct buf out = BUF(METRICS_PUT_BYTES_MAX);
    struct metrics_subject subject = server();
    char longest[METRICS_LABEL_MAX + 1] = "";

    (void)state;
    memset(longest, '"', METRICS_LABEL_MAX);
    subject.pod = longest;
    subject.pod_namespace = longest;
    subject.name = longest;
    subject.image = longest;
    memset(&latency, 0xff, sizeof(latency));
    memset(&counters, 0xff, sizeof(counters));
    for (size_t i = 0; i < metrics_families(); i++) {
        out.length = 0;
        metrics_put_samples(i, &subject, &out);
        assert_false(out.overflow);
    }
    out.length = 0;
    metrics_put_line(&subject, &out);
    assert_false(out.overflow);
}

static int64_t number(const struct node *root, const char *path)
{
    int64_t value = -1;

    assert_true(node_integer(node_path(root, path), &value));
    return value;
}

static void a_line_is_json_with_the_names_of_the_table(void **state)
{
    AUTO(buf_fini) struct buf out = BUF(TEXT_MAX);
    AUTO(node_free) struct node *root = NULL;
    struct metrics_subject subject = server();
    struct fault why = {0};

    (void)state;
    subject.pod = "a\"b";
    counters.oom = UINT64_MAX;
    metrics_put_line(&subject, &out);
    assert_int_equal(out.data[out.length - 1], '\n');
    assert_null(memchr(out.data, '\n', out.length - 1));
    assert_int_equal(node_parse((struct text){(const char *)out.data, out.length}, "the line",
                                TEXT_MAX, &root, &why),
                     0);
    assert_string_equal(node_string(node_member(root, "pod")), "a\"b");
    assert_string_equal(node_string(node_member(root, "state")), "running");
    assert_int_equal(number(root, "started_ms"), 1700000000042);
    assert_int_equal(number(root, "execs"), 2);
    assert_int_equal(number(root, "counters.cpu_ns"), 12000000345);
    assert_int_equal(number(root, "counters.throttled_ns"), 5);
    assert_int_equal(number(root, "counters.oom"), INT64_MAX);
    assert_int_equal(number(root, "latency.sum_ns"), 1500000000);
    assert_int_equal(node_count(node_path(root, "latency.buckets")), 6);
}

static void a_line_comes_back_as_it_was(void **state)
{
    AUTO(buf_fini) struct buf out = BUF(TEXT_MAX);
    struct metrics_subject subject = server();
    struct metrics_line line;
    struct fault why = {0};

    (void)state;
    metrics_put_line(&subject, &out);
    assert_int_equal(
        metrics_read_line((struct text){(const char *)out.data, out.length}, &line, &why), 0);
    assert_string_equal(line.subject.space, subject.space);
    assert_string_equal(line.subject.name, subject.name);
    assert_true(line.subject.is_server && line.subject.is_running && !line.subject.is_pause);
    assert_int_equal(line.subject.started_ms, subject.started_ms);
    assert_int_equal(line.subject.memory_limit, subject.memory_limit);
    assert_memory_equal(&line.counters, &counters, sizeof(counters));
    assert_memory_equal(&line.latency, &latency, sizeof(latency));
    metrics_line_fini(&line);
    /* Of a server without requests, and what another build might leave out. */
    assert_int_equal(metrics_read_line(text_of("{\"id\":\"a\",\"new\":[]}"), &line, &why), 0);
    assert_null(line.subject.latency);
    assert_string_equal(line.subject.kind, "");
    metrics_line_fini(&line);
    assert_true(metrics_read_line(text_of("{}"), &line, &why) < 0);
    metrics_line_fini(&line);
    assert_true(metrics_read_line(text_of("id"), &line, &why) < 0);
    metrics_line_fini(&line);
}

static void quantiles_lie_within_their_bucket(void **state)
{
    struct engine_latency times = {0};
    struct engine_latency before = {0};

    (void)state;
    assert_int_equal(latency_quantile_us(&times, 500), 0);
    times.buckets[3] = 100; /* 32 to 48 us */
    assert_int_equal(latency_quantile_us(&times, 500), 40);
    assert_int_equal(latency_quantile_us(&times, 1000), 48);
    times.buckets[0] = 900; /* 0 to 16 us */
    assert_int_equal(latency_quantile_us(&times, 450), 8);
    assert_int_equal(latency_quantile_us(&times, 950), 40);
    times.buckets[ENGINE_LATENCY_BUCKETS - 1] = 1000;
    assert_int_equal(latency_quantile_us(&times, 990), UINT64_C(1) << 26);
    before = times;
    times.buckets[5] += 10; /* 64 to 96 us */
    latency_since(&times, &before);
    assert_int_equal(latency_quantile_us(&times, 500), 80);
    latency_since(&times, &before);
    assert_int_equal(times.buckets[0], 0);
}

static void sums_go_by_the_kind_of_each_counter(void **state)
{
    struct engine_counters sum = {.cpu_ns = 1, .memory_bytes = 10, .memory_peak = 30, .traps = 2};
    const struct engine_counters more = {
        .cpu_ns = 2, .memory_bytes = 5, .memory_peak = 20, .traps = 1, .in_flight = 3};

    (void)state;
    counters_add(&sum, &more);
    assert_int_equal(sum.cpu_ns, 3);
    assert_int_equal(sum.memory_bytes, 15);
    assert_int_equal(sum.memory_peak, 30);
    assert_int_equal(sum.traps, 3);
    assert_int_equal(sum.in_flight, 3);
    counters_end(&sum);
    assert_int_equal(sum.cpu_ns, 3);
    assert_int_equal(sum.memory_bytes, 0);
    assert_int_equal(sum.memory_peak, 30);
    assert_int_equal(sum.in_flight, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_has_samples_with_names_units_and_labels),
        cmocka_unit_test(buckets_add_up),
        cmocka_unit_test(bounds_are_those_of_the_engine),
        cmocka_unit_test(no_container_makes_more_lines_than_the_maximum),
        cmocka_unit_test(outside_of_kubernetes_there_are_two_labels),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(the_longest_labels_fit),
        cmocka_unit_test(a_line_is_json_with_the_names_of_the_table),
        cmocka_unit_test(a_line_comes_back_as_it_was),
        cmocka_unit_test(quantiles_lie_within_their_bucket),
        cmocka_unit_test(sums_go_by_the_kind_of_each_counter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
