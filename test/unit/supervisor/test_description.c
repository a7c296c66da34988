/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "runtime/grant/grant.h"
#include "runtime/supervisor/description.h"

static struct fault why;
static struct description description;

static int end(void **state)
{
    (void)state;
    description_fini(&description);
    return 0;
}

static void kinds_are_read(void **state)
{
    (void)state;
    assert_int_equal(
        description_parse("{\"v\":1,\"kind\":\"server\",\"imports\":[],\"unknown\":[]}", &description, &why), 0);
    assert_int_equal(description.kind, RUN_SERVER);
    assert_int_equal(description.open.kind, FAULT_NONE);
}

static void an_open_import_is_told_in_the_compilers_words(void **state)
{
    (void)state;
    assert_int_equal(
        description_parse("{\"v\":1,\"kind\":\"command\",\"imports\":[],\"unknown\":[\"a:b/c@1.0.0\",\"d\",\"e\"],"
                          "\"hints\":[\"it imports a:b/c@1.0.0, which nobody has\",\"x\",\"y\"]}",
                          &description, &why),
        0);
    assert_int_equal(description.open.kind, FAULT_STATE);
    assert_string_equal(description.open.text,
                        "it imports a:b/c@1.0.0, which nobody has (and 2 other imports)");
}

static void an_open_import_without_words_is_named(void **state)
{
    (void)state;
    assert_int_equal(
        description_parse("{\"v\":1,\"kind\":\"command\",\"imports\":[],\"unknown\":[\"a:b/c@1.0.0\"]}",
                          &description, &why),
        0);
    assert_string_equal(description.open.text, "it imports a:b/c@1.0.0, which nothing here offers");
}

static unsigned texts_of(const char *imports)
{
    char json[512];

    (void)snprintf(json, sizeof(json), "{\"v\":1,\"kind\":\"command\",\"imports\":[%s],\"unknown\":[]}",
                   imports);
    description_fini(&description);
    assert_int_equal(description_parse(json, &description, &why), 0);
    return description.texts;
}

static void texts_of_the_network_are_for_who_can_use_them(void **state)
{
    const unsigned names = 1U << GRANT_TEXT_RESOLV_CONF | 1U << GRANT_TEXT_HOSTS;
    const unsigned all = names | 1U << GRANT_TEXT_TRUST;

    (void)state;
    assert_int_equal(texts_of("\"wasi:cli/stdout@0.2.0\",\"wasi:sockets/tcp@0.2.0\",7"), 0);
    assert_int_equal(texts_of("\"wasi:http/types@0.2.0\""), 0);
    assert_int_equal(texts_of("\"wasi:sockets/ip-name-lookup@0.2.12\""), names);
    assert_int_equal(texts_of("\"wasi:sockets/ip-name-lookup@0.3.0\""), names);
    assert_int_equal(texts_of("\"wasi:http/outgoing-handler@0.2.9\""), all);
    assert_int_equal(texts_of("\"wasi:cli/exit@0.3.0\",\"wasi:http/client@0.3.0\""), all);
}

static void nonsense_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{\"v\":2,\"kind\":\"command\",\"imports\":[],\"unknown\":[]}",
        "{\"v\":1,\"kind\":\"teapot\",\"imports\":[],\"unknown\":[]}",
        "{\"v\":1,\"kind\":7,\"imports\":[],\"unknown\":[]}",
        "{\"v\":1,\"kind\":\"command\"}",
        "{\"v\":1,\"kind\":\"command\",\"unknown\":[]}",
        "{\"v\":1,\"kind\":\"command\",\"imports\":[],\"unknown\":{}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_true(description_parse(texts[i], &description, &why) < 0);
        assert_int_equal(why.kind, FAULT_INTERNAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kinds_are_read, NULL, end),
        cmocka_unit_test_setup_teardown(an_open_import_is_told_in_the_compilers_words, NULL, end),
        cmocka_unit_test_setup_teardown(an_open_import_without_words_is_named, NULL, end),
        cmocka_unit_test_setup_teardown(texts_of_the_network_are_for_who_can_use_them, NULL, end),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, NULL, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
