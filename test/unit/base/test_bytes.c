/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/text.h"

static void a_cursor_stays_when_too_little_is_left(void **state)
{
    struct cursor in = cursor_over("\0\0\1", 3);
    uint32_t value = 7;

    (void)state;
    assert_false(cursor_be32(&in, &value));
    assert_int_equal(value, 7);
    assert_int_equal(cursor_left(&in), 3);
}

static void numbers_come_back_in_both_orders(void **state)
{
    AUTO(buf_fini) struct buf buf = BUF(64);
    struct cursor in;
    uint32_t big = 0;
    uint32_t little = 0;
    uint64_t wide = 0;

    (void)state;
    buf_put_be32(&buf, 0x01020304);
    buf_put_le32(&buf, 0x01020304);
    buf_put_le64(&buf, 0x0102030405060708);
    assert_memory_equal(buf.data, "\1\2\3\4\4\3\2\1\10\7\6\5\4\3\2\1", 16);
    in = cursor_over(buf.data, buf.length);
    assert_true(cursor_be32(&in, &big) && cursor_le32(&in, &little) && cursor_le64(&in, &wide));
    assert_int_equal(big, little);
    assert_true(wide == 0x0102030405060708);
}

static void a_text_with_a_nul_is_refused_and_the_cursor_stays(void **state)
{
    AUTO(buf_fini) struct buf buf = BUF(64);
    struct cursor in;
    struct text text = {0};

    (void)state;
    buf_put_le32(&buf, 3);
    buf_put(&buf, "a\0b", 3);
    in = cursor_over(buf.data, buf.length);
    assert_false(cursor_text(&in, 10, &text));
    assert_int_equal(cursor_left(&in), 7);
    assert_null(text.at);
}

static void a_text_longer_than_allowed_is_refused(void **state)
{
    AUTO(buf_fini) struct buf buf = BUF(64);
    struct cursor in;
    struct text text = {0};

    (void)state;
    buf_put_text(&buf, "abcd");
    in = cursor_over(buf.data, buf.length);
    assert_false(cursor_text(&in, 3, &text));
    assert_true(cursor_text(&in, 4, &text));
    assert_true(text_is(text, "abcd"));
}

static void a_buffer_never_passes_its_maximum(void **state)
{
    AUTO(buf_fini) struct buf buf = BUF(5);
    struct fault why = {0};

    (void)state;
    buf_put(&buf, "abc", 3);
    assert_int_equal(buf_check(&buf, "the name", &why), 0);
    buf_put(&buf, "def", 3);
    assert_int_equal(buf.length, 3);
    assert_true(buf_check(&buf, "the name", &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    assert_string_equal(why.text, "the name is larger than 5 bytes");
}

static void numbers_in_text_keep_to_their_bounds(void **state)
{
    uint64_t value = 0;

    (void)state;
    assert_true(text_to_u64(text_of("18446744073709551615"), 0, UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_false(text_to_u64(text_of("18446744073709551616"), 0, UINT64_MAX, &value));
    assert_false(text_to_u64(text_of(""), 0, 9, &value));
    assert_false(text_to_u64(text_of("-1"), 0, 9, &value));
    assert_false(text_to_u64(text_of("12 "), 0, 99, &value));
    assert_false(text_to_u64(text_of("3"), 4, 9, &value));
    assert_true(text_to_bytes(text_of("64Mi"), UINT64_MAX, &value));
    assert_true(value == 64U << 20);
    assert_false(text_to_bytes(text_of("99999999999Gi"), UINT64_MAX, &value));
    assert_false(text_to_bytes(text_of("Mi"), UINT64_MAX, &value));
}

static void identifiers_are_those_of_containerd(void **state)
{
    char longest[IDENTIFIER_MAX + 2];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[IDENTIFIER_MAX] = '\0';
    assert_true(text_is_identifier(text_of("a")));
    assert_true(text_is_identifier(text_of("k8s.io")));
    assert_true(text_is_identifier(text_of("a_b-c.d")));
    assert_true(text_is_identifier(text_of(longest)));
    longest[IDENTIFIER_MAX] = 'a';
    assert_false(text_is_identifier((struct text){longest, IDENTIFIER_MAX + 1}));
    assert_false(text_is_identifier(text_of("")));
    assert_false(text_is_identifier(text_of("a..b")));
    assert_false(text_is_identifier(text_of(".a")));
    assert_false(text_is_identifier(text_of("a-")));
    assert_false(text_is_identifier(text_of("../x")));
}

static void a_fault_gathers_what_was_being_done(void **state)
{
    struct fault why = {0};

    (void)state;
    assert_true(fault_sys(&why, -2, "open %s", "/x") < 0);
    assert_true(fault_while(&why, "start %s", "a1") < 0);
    assert_string_equal(why.text, "start a1: open /x: No such file or directory");
    assert_int_equal(why.kind, FAULT_NOT_FOUND);
    assert_int_equal(fault_grpc(why.kind), 5);
    assert_string_equal(fault_words(why.kind), "not found");
}

static void a_long_fault_is_cut_between_characters(void **state)
{
    char words[FAULT_TEXT_MAX + 8];
    struct fault why = {0};
    size_t length;

    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        memset(words, 'x', sizeof(words));
        for (size_t i = shift; i + 3 < sizeof(words); i += 3) {
            memcpy(words + i, "\xe2\x82\xac", 3);
        }
        words[sizeof(words) - 1] = '\0';
        (void)fault(&why, FAULT_INVALID, "%s", words);
        length = strlen(why.text);
        assert_true(length > FAULT_TEXT_MAX - 4 && length < FAULT_TEXT_MAX);
        assert_int_equal((length - shift) % 3, 0);
        (void)fault_while(&why, "%s", "read");
        assert_int_equal((strlen(why.text) - strlen("read: ") - shift) % 3, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_stays_when_too_little_is_left),
        cmocka_unit_test(numbers_come_back_in_both_orders),
        cmocka_unit_test(a_text_with_a_nul_is_refused_and_the_cursor_stays),
        cmocka_unit_test(a_text_longer_than_allowed_is_refused),
        cmocka_unit_test(a_buffer_never_passes_its_maximum),
        cmocka_unit_test(numbers_in_text_keep_to_their_bounds),
        cmocka_unit_test(identifiers_are_those_of_containerd),
        cmocka_unit_test(a_fault_gathers_what_was_being_done),
        cmocka_unit_test(a_long_fault_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
