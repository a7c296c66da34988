/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/supervisor/description.h"

static struct fault why;
static struct description description;

static void kinds_are_read(void **state)
{
    (void)state;
    assert_int_equal(
        description_parse("{\"v\":1,\"kind\":\"server\",\"unknown\":[]}", &description, &why), 0);
    assert_int_equal(description.kind, RUN_SERVER);
    assert_int_equal(description.open.kind, FAULT_NONE);
}

static void an_open_import_is_told_in_the_compilers_words(void **state)
{
    (void)state;
    assert_int_equal(
        description_parse("{\"v\":1,\"kind\":\"command\",\"unknown\":[\"a:b/c@1.0.0\",\"d\",\"e\"],"
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
        description_parse("{\"v\":1,\"kind\":\"command\",\"unknown\":[\"a:b/c@1.0.0\"]}",
                          &description, &why),
        0);
    assert_string_equal(description.open.text, "it imports a:b/c@1.0.0, which nothing here offers");
}

static void nonsense_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{\"v\":2,\"kind\":\"command\",\"unknown\":[]}",
        "{\"v\":1,\"kind\":\"teapot\",\"unknown\":[]}",
        "{\"v\":1,\"kind\":7,\"unknown\":[]}",
        "{\"v\":1,\"kind\":\"command\"}",
        "{\"v\":1,\"kind\":\"command\",\"unknown\":{}}",
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
        cmocka_unit_test(kinds_are_read),
        cmocka_unit_test(an_open_import_is_told_in_the_compilers_words),
        cmocka_unit_test(an_open_import_without_words_is_named),
        cmocka_unit_test(nonsense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
