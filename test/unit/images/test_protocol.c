/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "oci/images/protocol.h"

static struct cursor over(const struct buf *buf)
{
    return cursor_over(buf->data, buf->length);
}

static void questions_come_back(void **state)
{
    AUTO(buf_fini) struct buf packet = BUF(PROTOCOL_PACKET_MAX);
    const struct protocol_question asked = {PROTOCOL_FIND, 7, "k8s.io", "c-1"};
    struct protocol_question got = {.id = 0};

    (void)state;
    protocol_put_question(&packet, &asked);
    assert_true(protocol_read_question(over(&packet), &got));
    assert_int_equal(got.kind, PROTOCOL_FIND);
    assert_int_equal(got.id, 7);
    assert_string_equal(got.space, "k8s.io");
    assert_string_equal(got.container, "c-1");
}

static void answers_come_back(void **state)
{
    AUTO(buf_fini) struct buf packet = BUF(PROTOCOL_PACKET_MAX);
    struct protocol_answer told = {.kind = PROTOCOL_FOUND, .id = 9,
                                   .image = {IMAGE_LAYER, "sha256:a", "sha256:b", 5}};
    struct protocol_answer got = {.id = 0};

    (void)state;
    protocol_put_answer(&packet, &told);
    assert_true(protocol_read_answer(over(&packet), &got));
    assert_int_equal(got.id, 9);
    assert_int_equal(got.image.form, IMAGE_LAYER);
    assert_string_equal(got.image.component, "sha256:b");
    assert_int_equal(got.image.wasm, -1);
    assert_true(protocol_has_wasm(&got));
    packet.length = 0;
    told.kind = PROTOCOL_FAILED;
    (void)fault_sys(&told.fault, -2, "open x");
    protocol_put_answer(&packet, &told);
    assert_true(protocol_read_answer(over(&packet), &got));
    assert_int_equal(got.fault.kind, FAULT_NOT_FOUND);
    assert_int_equal(got.fault.err, 2);
    assert_string_equal(got.fault.text, "open x: No such file or directory");
    assert_false(protocol_has_wasm(&got));
}

static void the_longest_fault_fits(void **state)
{
    AUTO(buf_fini) struct buf packet = BUF(PROTOCOL_PACKET_MAX);
    struct protocol_answer told = {.kind = PROTOCOL_FAILED, .fault = {.kind = FAULT_LIMIT}};
    struct protocol_answer got = {.id = 0};

    (void)state;
    memset(told.fault.text, 'x', FAULT_TEXT_MAX - 1);
    protocol_put_answer(&packet, &told);
    assert_false(packet.overflow);
    assert_true(protocol_read_answer(over(&packet), &got));
    assert_int_equal(strlen(got.fault.text), FAULT_TEXT_MAX - 1);
}

static void every_truncation_and_extension_is_refused(void **state)
{
    AUTO(buf_fini) struct buf packet = BUF(PROTOCOL_PACKET_MAX);
    const struct protocol_question asked = {PROTOCOL_FIND, 7, "k8s.io", "c-1"};
    struct protocol_question got = {.id = 1};
    struct protocol_answer answer = {.id = 1};

    (void)state;
    protocol_put_question(&packet, &asked);
    assert_false(protocol_read_answer(over(&packet), &answer));
    for (size_t length = 0; length < packet.length; length++) {
        assert_false(protocol_read_question(cursor_over(packet.data, length), &got));
    }
    buf_put_u8(&packet, 0);
    assert_false(protocol_read_question(over(&packet), &got));
    assert_int_equal(got.id, 1);
    assert_int_equal(answer.id, 1);
}

static void names_that_containerd_cannot_have_are_refused(void **state)
{
    AUTO(buf_fini) struct buf packet = BUF(PROTOCOL_PACKET_MAX);
    const struct protocol_question asked = {PROTOCOL_FIND, 7, "k8s.io", "../c"};
    struct protocol_question got = {.id = 0};

    (void)state;
    protocol_put_question(&packet, &asked);
    assert_false(protocol_read_question(over(&packet), &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_come_back),
        cmocka_unit_test(answers_come_back),
        cmocka_unit_test(the_longest_fault_fits),
        cmocka_unit_test(every_truncation_and_extension_is_refused),
        cmocka_unit_test(names_that_containerd_cannot_have_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
