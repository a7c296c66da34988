/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "shim/launcher/span.h"

static struct span doc(const char *text)
{
    return span_document(text, strlen(text));
}

static void values_are_found_where_they_stand(void **state)
{
    static const char text[] = " {\"a\":[1,{\"b\":\"x\\/y\"}], \"c\" : {} ,\"d\":[]}\n";
    struct span root = doc(text);
    struct span list = span_member(root, "a");
    struct span first = span_next(list, (struct span){NULL, NULL});
    struct span second = span_next(list, first);
    char value[8];

    (void)state;
    assert_non_null(root.begin);
    assert_int_equal(first.end - first.begin, 1);
    assert_true(span_text(span_member(second, "b"), value, sizeof(value)));
    assert_string_equal(value, "x/y");
    assert_null(span_next(list, second).begin);
    assert_int_equal(span_member(root, "c").end - span_member(root, "c").begin, 2);
    assert_null(span_next(span_member(root, "d"), (struct span){NULL, NULL}).begin);
    assert_null(span_member(root, "e").begin);
    assert_null(span_member(first, "e").begin);
}

static void what_is_no_json_is_no_document(void **state)
{
    static const char *const rows[] = {"", "{", "[1,]", "{\"a\"}", "{\"a\":}", "[1 2]", "\"a", "{]",
                                       "[1]x", "{\"a\":1,}", "nul", "{1:2}", "[\"\\"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (doc(rows[i]).begin) {
            fail_msg("%s was taken as JSON", rows[i]);
        }
    }
}

static void nesting_has_a_limit(void **state)
{
    char text[2 * SPAN_DEPTH_MAX + 3] = "";

    (void)state;
    memset(text, '[', SPAN_DEPTH_MAX);
    memset(text + SPAN_DEPTH_MAX, ']', SPAN_DEPTH_MAX);
    assert_non_null(doc(text).begin);
    memset(text, '[', SPAN_DEPTH_MAX + 1);
    memset(text + SPAN_DEPTH_MAX + 1, ']', SPAN_DEPTH_MAX + 1);
    assert_null(doc(text).begin);
}

static void a_text_that_does_not_fit_is_empty(void **state)
{
    char value[4] = "zz";

    (void)state;
    assert_false(span_text(doc("\"abcd\""), value, sizeof(value)));
    assert_string_equal(value, "");
    assert_false(span_text(doc("\"\\u0041\""), value, sizeof(value)));
    assert_false(span_text(doc("12"), value, sizeof(value)));
    assert_true(span_text(doc("\"abc\""), value, sizeof(value)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_where_they_stand),
        cmocka_unit_test(what_is_no_json_is_no_document),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(a_text_that_does_not_fit_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
