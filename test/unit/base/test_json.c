/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"

struct person {
    const char *name;
    int64_t age;
    bool awake;
    const struct node *friends;
};

static const struct node_field person_fields[] = {
    {"name", NODE_TEXT, true, offsetof(struct person, name), 0, 8},
    {"age", NODE_INTEGER, false, offsetof(struct person, age), 0, 150},
    {"awake", NODE_BOOL, false, offsetof(struct person, awake), 0, 0},
    {"friends", NODE_LIST, false, offsetof(struct person, friends), 0, 2},
    {NULL, NODE_NULL, false, 0, 0, 0},
};

static int person_of(const char *text, struct person *ret, struct fault *why)
{
    AUTO(node_free) struct node *root = NULL;
    int done = node_parse(text_of(text), "person", 4096, &root, why);

    if (done == 0) {
        done = node_read(root, "person", person_fields, ret, why);
    }
    return done;
}

static void a_table_fills_a_struct(void **state)
{
    struct person person = {0};
    struct fault why = {0};

    (void)state;
    assert_int_equal(person_of("{\"age\":7,\"name\":\"bo\",\"awake\":true,\"x\":[]}", &person, &why), 0);
    assert_int_equal(person.age, 7);
    assert_true(person.awake);
    assert_null(person.friends);
}

static void each_failure_names_the_member(void **state)
{
    static const struct {
        const char *text;
        const char *sentence;
    } rows[] = {
        {"{}", "person.name is missing"},
        {"{\"name\":null}", "person.name is missing"},
        {"{\"name\":3}", "person.name must be a string, not a whole number"},
        {"{\"name\":\"123456789\"}", "person.name has 9 bytes; at most 8 are accepted"},
        {"{\"name\":\"a\",\"age\":151}", "person.age must be from 0 to 150, not 151"},
        {"{\"name\":\"a\",\"friends\":[1,2,3]}", "person.friends has 3 entries; at most 2 are accepted"},
        {"[]", "person must be an object"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct person person = {0};
        struct fault why = {0};

        assert_true(person_of(rows[i].text, &person, &why) < 0);
        assert_string_equal(why.text, rows[i].sentence);
    }
}

static void a_bomb_of_brackets_is_refused_before_it_is_parsed(void **state)
{
    char bomb[3000];
    struct node *root = NULL;
    struct fault why = {0};

    (void)state;
    memset(bomb, '[', sizeof(bomb));
    assert_true(node_parse((struct text){bomb, sizeof(bomb)}, "bomb", 4096, &root, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    assert_string_equal(why.text, "bomb is nested deeper than 64 levels");
    assert_true(node_parse((struct text){bomb, sizeof(bomb)}, "bomb", 100, &root, &why) < 0);
    assert_string_equal(why.text, "bomb has 3000 bytes; at most 100 are read");
}

static void brackets_inside_strings_do_not_count(void **state)
{
    AUTO(node_free) struct node *root = NULL;
    char text[200] = "[\"\\\"";
    struct fault why = {0};
    struct text value = {0};

    (void)state;
    memset(text + strlen(text), '[', 100);
    memcpy(text + strlen(text), "\"]", 3);
    assert_int_equal(node_parse(text_of(text), "text", 4096, &root, &why), 0);
    assert_true(node_text(node_item(root, 0), &value));
    assert_int_equal(value.length, 101);
}

static void a_duplicate_key_is_refused(void **state)
{
    struct node *root = NULL;
    struct fault why = {0};

    (void)state;
    assert_true(node_parse(text_of("{\"a\":1,\"a\":2}"), "text", 4096, &root, &why) < 0);
    assert_non_null(strstr(why.text, "text is not JSON: line 1"));
}

static void members_come_in_the_order_of_the_document(void **state)
{
    AUTO(node_free) struct node *root = NULL;
    AUTO(buf_fini) struct buf out = BUF(100);
    struct fault why = {0};
    const char *key = NULL;

    (void)state;
    assert_int_equal(node_parse(text_of("{\"z\":1,\"a\":{\"b\":\"x\\n\"}}"), "t", 99, &root, &why), 0);
    assert_non_null(node_at(root, 0, &key));
    assert_string_equal(key, "z");
    assert_string_equal(node_string(node_path(root, "a.b")), "x\n");
    node_print(root, &out);
    assert_memory_equal(out.data, "{\"z\":1,\"a\":{\"b\":\"x\\n\"}}", out.length);
}

static void text_is_quoted_for_json(void **state)
{
    AUTO(buf_fini) struct buf out = BUF(100);

    (void)state;
    buf_put_json(&out, text_of("a\"\\\n"));
    assert_int_equal(out.length, 13);
    assert_memory_equal(out.data, "\"a\\\"\\\\\\u000a\"", 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_fills_a_struct),
        cmocka_unit_test(each_failure_names_the_member),
        cmocka_unit_test(a_bomb_of_brackets_is_refused_before_it_is_parsed),
        cmocka_unit_test(brackets_inside_strings_do_not_count),
        cmocka_unit_test(a_duplicate_key_is_refused),
        cmocka_unit_test(members_come_in_the_order_of_the_document),
        cmocka_unit_test(text_is_quoted_for_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
