/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "runtime/wire/message.h"

static int decode(const struct buf *bytes, size_t fds, enum message_direction direction,
                  struct message *ret, struct fault *why)
{
    struct text packet = {(const char *)bytes->data, bytes->length};

    return message_decode(packet, fds, direction, ret, why);
}

/* Encode, decode; both must be equal to the last byte. */
static void assert_round_trip(const struct message *message, enum message_direction direction)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);
    struct message again = {0};
    struct fault why = {0};

    message_encode(message, &bytes);
    assert_false(bytes.overflow);
    assert_int_equal(decode(&bytes, message_fds(message), direction, &again, &why), 0);
    assert_memory_equal(message, &again, sizeof(again));
}

/* memset first, so that padding compares equal. */
static struct message *blank(struct message *message, enum message_kind kind)
{
    memset(message, 0, sizeof(*message));
    message->kind = kind;
    return message;
}

static void every_message_down_comes_back_as_it_was(void **state)
{
    struct message message;

    (void)state;
    blank(&message, MESSAGE_HELLO)->hello =
        (struct message_hello){.version = 1, .threads = 2, .instances = 16000};
    assert_round_trip(&message, MESSAGE_DOWN);
    blank(&message, MESSAGE_LOAD)->load.component = UINT64_MAX;
    assert_round_trip(&message, MESSAGE_DOWN);
    blank(&message, MESSAGE_UNLOAD)->unload.component = 3;
    assert_round_trip(&message, MESSAGE_DOWN);
    blank(&message, MESSAGE_START)->start = (struct message_start){
        .task = 4, .component = 5, .present = MESSAGE_PRESENT_ALL, .slot = 65535, .folders = 48,
        .parts = MESSAGE_PARTS_MAX};
    assert_int_equal(message_fds(&message), MESSAGE_FDS_MAX);
    assert_round_trip(&message, MESSAGE_DOWN);
    blank(&message, MESSAGE_PART)->part = (struct message_part){
        .task = 4, .present = MESSAGE_PRESENT_PART, .folders = 48, .network = 3, .name = "vault"};
    assert_int_equal(message_fds(&message), MESSAGE_FDS_MAX - 1);
    assert_round_trip(&message, MESSAGE_DOWN);
    blank(&message, MESSAGE_KILL)->kill.task = 6;
    assert_round_trip(&message, MESSAGE_DOWN);
    blank(&message, MESSAGE_DRAIN)->drain = (struct message_drain){.task = 7, .grace_ns = 8};
    assert_round_trip(&message, MESSAGE_DOWN);
    blank(&message, MESSAGE_PAUSE)->pause.task = 9;
    assert_round_trip(&message, MESSAGE_DOWN);
    blank(&message, MESSAGE_RESUME)->resume.task = 10;
    assert_round_trip(&message, MESSAGE_DOWN);
    blank(&message, MESSAGE_UPDATE)->update = (struct message_update){
        .task = 11, .limits = {.memory_bytes = 1, .queue_ns = 2, .body_bytes = 3}};
    assert_round_trip(&message, MESSAGE_DOWN);
}

static void every_message_up_comes_back_as_it_was(void **state)
{
    struct message message;

    (void)state;
    blank(&message, MESSAGE_READY)->ready.instances = 12;
    message_set_text(message.ready.walls, sizeof(message.ready.walls), "all; none missing");
    assert_round_trip(&message, MESSAGE_UP);
    blank(&message, MESSAGE_LOADED)->loaded =
        (struct message_loaded){.component = 13, .ok = 1, .kind = MESSAGE_LIBRARY};
    assert_round_trip(&message, MESSAGE_UP);
    blank(&message, MESSAGE_STARTED)->started.task = 14;
    message_set_text(message.started.text, sizeof(message.started.text), "größer als erlaubt");
    assert_round_trip(&message, MESSAGE_UP);
    blank(&message, MESSAGE_EXITED)->exited =
        (struct message_exited){.task = 15, .how = MESSAGE_FAILED, .code = 255};
    memset(message.exited.text, 'x', sizeof(message.exited.text) - 1);
    assert_round_trip(&message, MESSAGE_UP);
    blank(&message, MESSAGE_LOG)->log.level = 3;
    assert_round_trip(&message, MESSAGE_UP);
}

static void the_other_direction_is_refused(void **state)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);
    struct message message;
    struct fault why = {0};

    (void)state;
    message_encode(blank(&message, MESSAGE_KILL), &bytes);
    assert_true(decode(&bytes, 0, MESSAGE_UP, &message, &why) < 0);
    assert_string_equal(why.text, "there is no message 5 in this direction");
}

static void a_number_nobody_knows_is_refused(void **state)
{
    struct message message;
    struct fault why = {0};

    (void)state;
    assert_true(message_decode((struct text){"\xff", 1}, 0, MESSAGE_DOWN, &message, &why) < 0);
    assert_string_equal(why.text, "there is no message 255 in this direction");
    assert_true(message_decode((struct text){NULL, 0}, 0, MESSAGE_DOWN, &message, &why) < 0);
}

static void every_cut_of_a_message_is_refused(void **state)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);
    struct message message;
    struct fault why = {0};

    (void)state;
    blank(&message, MESSAGE_EXITED)->exited.task = 1;
    message_set_text(message.exited.text, sizeof(message.exited.text), "unreachable");
    message_encode(&message, &bytes);
    for (size_t length = 0; length < bytes.length; length++) {
        struct text cut = {(const char *)bytes.data, length};

        assert_true(message_decode(cut, 0, MESSAGE_UP, &message, &why) < 0);
    }
    buf_put_u8(&bytes, 0);
    assert_true(decode(&bytes, 0, MESSAGE_UP, &message, &why) < 0);
    assert_string_equal(why.text, "message EXITED has 1 bytes too many");
}

static void a_value_above_its_maximum_is_named(void **state)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);
    struct message message;
    struct fault why = {0};

    (void)state;
    message_encode(blank(&message, MESSAGE_EXITED), &bytes);
    bytes.data[9] = 6; /* how, after the number and the task */
    assert_true(decode(&bytes, 0, MESSAGE_UP, &message, &why) < 0);
    assert_string_equal(why.text, "message EXITED: how is short or out of bounds");
}

static void descriptors_must_be_as_many_as_the_message_says(void **state)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);
    struct message message;
    struct fault why = {0};

    (void)state;
    blank(&message, MESSAGE_START)->start.present = MESSAGE_STDOUT | MESSAGE_LISTENER;
    message.start.folders = 2;
    message_encode(&message, &bytes);
    assert_true(decode(&bytes, 4, MESSAGE_DOWN, &message, &why) < 0);
    assert_true(decode(&bytes, 6, MESSAGE_DOWN, &message, &why) < 0);
    assert_string_equal(why.text, "message START has 6 descriptors in place of 5");
    assert_int_equal(decode(&bytes, 5, MESSAGE_DOWN, &message, &why), 0);
}

static void a_hostile_text_cannot_reach_a_terminal(void **state)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);
    struct message message;
    struct fault why = {0};

    (void)state;
    blank(&message, MESSAGE_LOG);
    message_set_text(message.log.text, sizeof(message.log.text),
                     "a\x1b[2Jb\nc\xff" "d\xc3\xa4\xed\xa0\x80\xc2\x9b");
    message_encode(&message, &bytes);
    assert_int_equal(decode(&bytes, 0, MESSAGE_UP, &message, &why), 0);
    assert_string_equal(message.log.text, "a?[2Jb?c?d\xc3\xa4?????");
}

static void a_text_that_does_not_fit_is_cut(void **state)
{
    char small[4];

    (void)state;
    message_set_text(small, sizeof(small), "abcdef");
    assert_string_equal(small, "abc");
    message_set_text(small, sizeof(small), NULL);
    assert_string_equal(small, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_down_comes_back_as_it_was),
        cmocka_unit_test(every_message_up_comes_back_as_it_was),
        cmocka_unit_test(the_other_direction_is_refused),
        cmocka_unit_test(a_number_nobody_knows_is_refused),
        cmocka_unit_test(every_cut_of_a_message_is_refused),
        cmocka_unit_test(a_value_above_its_maximum_is_named),
        cmocka_unit_test(descriptors_must_be_as_many_as_the_message_says),
        cmocka_unit_test(a_hostile_text_cannot_reach_a_terminal),
        cmocka_unit_test(a_text_that_does_not_fit_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
