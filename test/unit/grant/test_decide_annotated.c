/* SPDX-License-Identifier: Apache-2.0 */
/* What annotations change in a grant. */
#include "test/unit/grant/decided.h"

#include <stdio.h>

static const struct decide_input artifact = {.rootfs = NULL};

static void annotations_are_limits_too(void **state)
{
    AUTO(grant_free) struct grant *grant =
        granted("{\"process\":{},\"annotations\":{\"skep.dev/requests\":\"5\","
                "\"skep.dev/request-timeout\":\"3s\",\"skep.dev/queue\":\"6\","
                "\"skep.dev/queue-timeout\":\"4s\",\"skep.dev/connections\":\"7\","
                "\"skep.dev/max-body\":\"8k\",\"skep.dev/on-term\":\"wait\","
                "\"skep.dev/max-head\":\"9k\",\"skep.dev/head-timeout\":\"5s\","
                "\"skep.dev/keep-alive-requests\":\"8\",\"skep.dev/streams\":\"9\","
                "\"skep.dev/reuse\":\"9\",\"skep.dev/reuse-time\":\"5s\","
                "\"skep.dev/access-log\":\"stdout\",\"skep.dev/lame-duck\":\"6s\"}}", &artifact);

    (void)state;
    assert_int_equal(grant->limits.request_max, 5);
    assert_int_equal(grant->limits.request_ns, 3000000000);
    assert_int_equal(grant->limits.queue_max, 6);
    assert_int_equal(grant->limits.queue_ns, 4000000000);
    assert_int_equal(grant->limits.connection_max, 7);
    assert_int_equal(grant->limits.body_bytes, 8000);
    assert_int_equal(grant->limits.head_bytes, 9000);
    assert_int_equal(grant->limits.head_ns, 5000000000);
    assert_int_equal(grant->limits.connection_requests, 8);
    assert_int_equal(grant->limits.stream_max, 9);
    assert_true(grant->access_log);
    assert_int_equal(grant->limits.reuse_max, 9);
    assert_int_equal(grant->limits.reuse_ns, 5000000000);
    assert_int_equal(grant->limits.lame_duck_ns, 6000000000);
    assert_true(grant->on_term_wait);
}

static void in_a_pod_servers_stay_open_for_a_while(void **state)
{
    static const struct row {
        const char *annotations;
        uint64_t ms;
    } rows[] = {
        {"\"a\":\"b\"", 0},
        {"\"io.kubernetes.cri.container-type\":\"container\"", 3000},
        {"\"io.kubernetes.cri.container-type\":\"container\","
         "\"skep.dev/lame-duck\":\"1ms\"", 1},
        {"\"io.kubernetes.cri.container-type\":\"container\","
         "\"io.kubernetes.pod.terminationGracePeriod\":\"30\"", 3000},
        {"\"io.kubernetes.cri.container-type\":\"container\","
         "\"io.kubernetes.pod.terminationGracePeriod\":\"6\"", 2000},
        {"\"io.kubernetes.cri.container-type\":\"container\","
         "\"io.kubernetes.pod.terminationGracePeriod\":\"0\"", 0},
        {"\"io.kubernetes.cri.container-type\":\"container\","
         "\"io.kubernetes.pod.terminationGracePeriod\":\"soon\"", 3000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(grant_free) struct grant *grant = NULL;
        char json[400];

        (void)snprintf(json, sizeof(json), "{\"process\":{},\"annotations\":{%s}}",
                       rows[i].annotations);
        grant = granted(json, &artifact);
        assert_int_equal(grant->limits.lame_duck_ns, rows[i].ms * 1000000);
    }
}

static void an_annotation_nobody_knows_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"process\":{},\"annotations\":{\"skep.dev/links\":\"{}\"}}", &artifact,
                   FAULT_INVALID, "config.json: annotation skep.dev/links is not known");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(annotations_are_limits_too),
        cmocka_unit_test(in_a_pod_servers_stay_open_for_a_while),
        cmocka_unit_test(an_annotation_nobody_knows_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
