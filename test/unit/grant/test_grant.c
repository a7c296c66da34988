/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "runtime/grant/grant.h"

static struct grant *sample(void)
{
    struct grant *grant = NEW(struct grant);

    grant->args = NEW_ARRAY(2, char *);
    grant->args[0] = COPY_TEXT("app");
    grant->args[1] = COPY_TEXT("");
    grant->args_count = 2;
    grant->env = NEW_ARRAY(1, char *);
    grant->env[0] = COPY_TEXT("LANG=grün");
    grant->env_count = 1;
    grant->cwd = COPY_TEXT("/work");
    grant->folders = NEW_ARRAY(2, struct grant_folder);
    grant->folders[0] = (struct grant_folder){
        .source = COPY_TEXT("/srv/secret"), .guest = COPY_TEXT("/data"), .read_only = true};
    grant->folders[1] = (struct grant_folder){
        .source = COPY_TEXT("/srv/f"), .guest = COPY_TEXT("/etc/f"), .is_file = true};
    grant->folders_count = 2;
    grant->limits = (struct grant_limits){.memory_bytes = 1, .cpu_weight = 2, .body_bytes = 3};
    grant->network = GRANT_NETWORK_POD;
    grant->netns = COPY_TEXT("/run/netns/x");
    grant->port = 8080;
    grant->on_term_wait = true;
    grant->access_log = true;
    grant->call = COPY_TEXT("add(1, 2)");
    grant->user = 1000;
    return grant;
}

static void a_grant_comes_back_without_what_the_worker_must_not_know(void **state)
{
    AUTO(grant_free) struct grant *grant = sample();
    AUTO(grant_free) struct grant *again = NULL;
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct fault why = {0};
    struct cursor in;

    (void)state;
    assert_int_equal(grant_encode(grant, &bytes, &why), 0);
    assert_null(memmem(bytes.data, bytes.length, "secret", 6));
    in = cursor_over(bytes.data, bytes.length);
    assert_int_equal(grant_decode(&in, &again, &why), 0);
    assert_int_equal(cursor_left(&in), 0);
    assert_int_equal(again->args_count, 2);
    assert_string_equal(again->args[1], "");
    assert_string_equal(again->env[0], "LANG=grün");
    assert_string_equal(again->cwd, "/work");
    assert_int_equal(again->folders_count, 2);
    assert_null(again->folders[0].source);
    assert_string_equal(again->folders[0].guest, "/data");
    assert_true(again->folders[0].read_only);
    assert_false(again->folders[0].is_file);
    assert_true(again->folders[1].is_file);
    assert_memory_equal(&again->limits, &grant->limits, sizeof(grant->limits));
    assert_int_equal(again->network, GRANT_NETWORK_POD);
    assert_null(again->netns);
    assert_int_equal(again->port, 8080);
    assert_true(again->on_term_wait);
    assert_true(again->access_log);
    assert_string_equal(again->call, "add(1, 2)");
    assert_int_equal(again->user, 1000);
}

static void the_network_crosses_without_the_files_it_was_read_from(void **state)
{
    AUTO(grant_free) struct grant *grant = sample();
    AUTO(grant_free) struct grant *again = NULL;
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct fault why = {0};
    struct cursor in;

    (void)state;
    grant->network_allow = COPY_TEXT("db:5432\n");
    grant->network_texts[GRANT_TEXT_HOSTS] = COPY_TEXT("10.0.0.1 db");
    grant_use_node_files(grant);
    assert_int_equal(grant_encode(grant, &bytes, &why), 0);
    in = cursor_over(bytes.data, bytes.length);
    assert_int_equal(grant_decode(&in, &again, &why), 0);
    assert_string_equal(again->network_allow, "db:5432\n");
    assert_string_equal(again->network_texts[GRANT_TEXT_HOSTS], "10.0.0.1 db");
    assert_null(again->network_texts[GRANT_TEXT_TRUST]);
    assert_null(again->network_files[GRANT_TEXT_HOSTS]);
}

static void every_cut_of_a_grant_is_refused_and_moves_nothing(void **state)
{
    AUTO(grant_free) struct grant *grant = sample();
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct fault why = {0};

    (void)state;
    assert_int_equal(grant_encode(grant, &bytes, &why), 0);
    for (size_t length = 0; length < bytes.length; length++) {
        struct cursor in = cursor_over(bytes.data, length);
        struct grant *again = NULL;

        assert_true(grant_decode(&in, &again, &why) < 0);
        assert_null(again);
        assert_int_equal(cursor_left(&in), length);
    }
}

static void counts_beyond_their_ceiling_are_refused(void **state)
{
    /* Version 2, then 4,097 arguments that are not there. */
    static const uint8_t bytes[] = {2, 1, 16, 0, 0};
    struct cursor in = cursor_over(bytes, sizeof(bytes));
    struct grant *grant = NULL;
    struct fault why = {0};

    (void)state;
    assert_true(grant_decode(&in, &grant, &why) < 0);
    assert_string_equal(why.text, "an encoded grant: an argument is short or out of bounds");
}

static void a_grant_beyond_a_ceiling_is_not_encoded(void **state)
{
    AUTO(grant_free) struct grant *grant = sample();
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct fault why = {0};

    (void)state;
    free(grant->cwd);
    grant->cwd = COPY_TEXT("relative");
    assert_true(grant_encode(grant, &bytes, &why) < 0);
    assert_int_equal(why.kind, FAULT_INVALID);
    grant->cwd[0] = '/';
    free(grant->args[1]);
    grant->args[1] = NEW_ARRAY(GRANT_TEXT_MAX + 2, char);
    memset(grant->args[1], 'a', GRANT_TEXT_MAX + 1);
    assert_true(grant_encode(grant, &bytes, &why) < 0);
    assert_string_equal(why.text, "number 2 of the arguments has more than 131072 bytes");
}

static void what_does_not_fit_together_is_a_limit(void **state)
{
    AUTO(grant_free) struct grant *grant = NEW(struct grant);
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct fault why = {0};

    (void)state;
    grant->env_count = 40;
    grant->env = NEW_ARRAY(grant->env_count, char *);
    for (size_t i = 0; i < grant->env_count; i++) {
        grant->env[i] = NEW_ARRAY(GRANT_TEXT_MAX + 1, char);
        memset(grant->env[i], 'a', GRANT_TEXT_MAX);
    }
    assert_true(grant_encode(grant, &bytes, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grant_comes_back_without_what_the_worker_must_not_know),
        cmocka_unit_test(the_network_crosses_without_the_files_it_was_read_from),
        cmocka_unit_test(every_cut_of_a_grant_is_refused_and_moves_nothing),
        cmocka_unit_test(counts_beyond_their_ceiling_are_refused),
        cmocka_unit_test(a_grant_beyond_a_ceiling_is_not_encoded),
        cmocka_unit_test(what_does_not_fit_together_is_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
