/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fault.h"
#include "runtime/spec/annotation.h"
#include "runtime/spec/reach.h"
#include "runtime/spec/spec.h"

static int read_one(const char *key, const char *value, struct annotations *ret, struct fault *why)
{
    struct spec_pair pair = {key, value};
    struct spec spec = {.annotations = &pair, .annotations_count = 1};

    return annotations_read(&spec, ret, why);
}

static void each_key_sets_its_field(void **state)
{
    struct spec_pair pairs[] = {
        {"skep.dev/on-term", "wait"},       {"skep.dev/network", "none"},
        {"skep.dev/port", "9090"},          {"skep.dev/requests", "7"},
        {"skep.dev/queue", "8"},            {"skep.dev/queue-timeout", "250ms"},
        {"skep.dev/request-timeout", "2m"}, {"skep.dev/connections", "9"},
        {"skep.dev/max-body", "16Mi"},      {"skep.dev/max-head", "16Ki"},
        {"skep.dev/head-timeout", "5s"},    {"skep.dev/keep-alive-requests", "10"},
        {"skep.dev/streams", "11"},         {"skep.dev/access-log", "stdout"},
        {"skep.dev/reuse", "100"},          {"skep.dev/reuse-time", "3m"},
        {"skep.dev/lame-duck", "4s"},
        {"io.kubernetes.cri.sandbox-id", "anything"},
    };
    struct spec spec = {.annotations = pairs, .annotations_count = ARRAY_SIZE(pairs)};
    struct annotations said = {0};
    struct fault why = {0};

    (void)state;
    assert_int_equal(annotations_read(&spec, &said, &why), 0);
    assert_true(said.on_term_wait);
    assert_string_equal(said.network, "none");
    assert_int_equal(said.port, 9090);
    assert_int_equal(said.requests, 7);
    assert_int_equal(said.queue, 8);
    assert_int_equal(said.queue_ns, 250 * NS_PER_MS);
    assert_int_equal(said.request_ns, 120 * NS_PER_S);
    assert_int_equal(said.connections, 9);
    assert_int_equal(said.body_bytes, 16 << 20);
    assert_int_equal(said.head_bytes, 16 << 10);
    assert_int_equal(said.head_ns, 5 * NS_PER_S);
    assert_int_equal(said.connection_requests, 10);
    assert_int_equal(said.stream_max, 11);
    assert_true(said.access_log);
    assert_int_equal(said.reuse_max, 100);
    assert_int_equal(said.reuse_ns, 180 * NS_PER_S);
    assert_int_equal(said.lame_duck_ns, 4 * NS_PER_S);
}

static void the_default_word_can_be_said(void **state)
{
    struct annotations said = {.on_term_wait = true};
    struct fault why = {0};

    (void)state;
    assert_int_equal(read_one("skep.dev/on-term", "stop", &said, &why), 0);
    assert_false(said.on_term_wait);
}

static void an_allow_list_is_taken_rule_by_rule(void **state)
{
    static const char *const wrong[] = {"host", "db:0", "10.0.0.0/33", "*x", "[::1", "a..b:1"};
    struct fault why = {0};
    char *rules = NULL;

    (void)state;
    assert_int_equal(reach_parse("db:5432, 10.0.0.0/8 *.x:443,[fd00::/8]:53", &rules, &why), 0);
    assert_string_equal(rules, "db:5432\n10.0.0.0/8\n*.x:443\n[fd00::/8]:53\n");
    free(rules);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_true(reach_parse(wrong[i], &rules, &why) < 0);
        assert_non_null(strstr(why.text, wrong[i]));
    }
}

static void a_key_may_be_for_one_container(void **state)
{
    struct spec_pair pairs[] = {
        {"skep.dev/network.app", "none"},    {"skep.dev/network", "pod"},
        {"skep.dev/port.db", "nonsense"},    {"skep.dev/port", "9090"},
        {"skep.dev/requests.app.b", "7"},    {"io.kubernetes.cri.container-name", "app"},
    };
    struct spec spec = {.annotations = pairs, .annotations_count = ARRAY_SIZE(pairs)};
    struct annotations said = {0};
    struct fault why = {0};

    (void)state;
    assert_int_equal(annotations_read(&spec, &said, &why), 0);
    assert_string_equal(said.network, "none");
    assert_int_equal(said.port, 9090);
    assert_int_equal(said.requests, 0);

    pairs[5].value = "app.b";
    assert_int_equal(annotations_read(&spec, &said, &why), 0);
    assert_string_equal(said.network, "pod");
    assert_int_equal(said.requests, 7);

    pairs[5].value = "db";
    assert_true(annotations_read(&spec, &said, &why) < 0);
    assert_non_null(strstr(why.text, "nonsense"));

    pairs[5].key = "io.kubernetes.cri.sandbox-id"; /* not in a pod: it has no name */
    assert_int_equal(annotations_read(&spec, &said, &why), 0);
    assert_string_equal(said.network, "pod");
}

static void a_key_that_nobody_knows_is_refused_by_name(void **state)
{
    struct annotations said = {0};
    struct fault why = {0};

    (void)state;
    assert_true(read_one("skep.dev/prot", "80", &said, &why) < 0);
    assert_string_equal(why.text, "annotation skep.dev/prot is not known");
    assert_true(read_one("skep.dev/prot.app", "80", &said, &why) < 0);
    assert_string_equal(why.text, "annotation skep.dev/prot.app is not known");
    assert_true(read_one("skep.dev/", "80", &said, &why) < 0);
}

static void a_value_out_of_bounds_is_refused_with_what_would_be_right(void **state)
{
    static const char *const rows[][3] = {
        {"port", "0", "a number from 1 to 65535, not \"0\""},
        {"port", "65536", "a number from 1 to 65535, not \"65536\""},
        {"port", "http", "a number from 1 to 65535, not \"http\""},
        {"requests", "", "a number from 1 to 1000000, not \"\""},
        {"requests", "-1", "a number from 1 to 1000000, not \"-1\""},
        {"on-term", "Wait", "stop or wait, not \"Wait\""},
        {"request-timeout", "30",
         "a number with ms, s, m or h, from 1ms to 86400000ms, not \"30\""},
        {"request-timeout", "0s",
         "a number with ms, s, m or h, from 1ms to 86400000ms, not \"0s\""},
        {"request-timeout", "25h",
         "a number with ms, s, m or h, from 1ms to 86400000ms, not \"25h\""},
        {"request-timeout", "s", "a number with ms, s, m or h, from 1ms to 86400000ms, not \"s\""},
        {"max-body", "2000Gi", "a size like 64Mi, from 1 to 1099511627776 bytes, not \"2000Gi\""},
        {"max-body", "0", "a size like 64Mi, from 1 to 1099511627776 bytes, not \"0\""},
        {"max-head", "8191", "a size like 64Mi, from 8192 to 16777216 bytes, not \"8191\""},
        {"streams", "1001", "a number from 1 to 1000, not \"1001\""},
        {"access-log", "stderr", "none or stdout, not \"stderr\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct annotations said = {0};
        struct fault why = {0};
        char key[64];

        (void)snprintf(key, sizeof(key), "skep.dev/%s", rows[i][0]);
        assert_true(read_one(key, rows[i][1], &said, &why) < 0);
        assert_int_equal(why.kind, FAULT_INVALID);
        assert_non_null(strstr(why.text, key));
        assert_non_null(strstr(why.text, rows[i][2]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_sets_its_field),
        cmocka_unit_test(the_default_word_can_be_said),
        cmocka_unit_test(an_allow_list_is_taken_rule_by_rule),
        cmocka_unit_test(a_key_may_be_for_one_container),
        cmocka_unit_test(a_key_that_nobody_knows_is_refused_by_name),
        cmocka_unit_test(a_value_out_of_bounds_is_refused_with_what_would_be_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
