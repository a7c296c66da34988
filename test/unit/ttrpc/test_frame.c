/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/fault.h"
#include "shim/proto/task.pb-c.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/ttrpc/frame.h"
#include "shim/ttrpc/message.h"
#include "shim/ttrpc/status.h"

/* Connect("c1") in namespace default on stream 3, as containerd 2.3 sends it. */
static const uint8_t sample[] =
    "\x00\x00\x00\x4f\x00\x00\x00\x03\x01\x00"
    "\x0a\x17"
    "containerd.task.v3.Task\x12\x07"
    "Connect\x1a\x04\x0a\x02"
    "c1\x2a\x25\x0a\x1a"
    "containerd-namespace-ttrpc\x12\x07"
    "default";
enum { SAMPLE_BYTES = sizeof(sample) - 1 };

static void a_frame_of_containerd_is_understood(void **state)
{
    struct cursor in = cursor_over(sample, SAMPLE_BYTES);
    struct frame frame;
    ProtobufCMessage *message = NULL;
    Ttrpc__Request *request = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(frame_read(&in, &frame), FRAME_READY);
    assert_int_equal(cursor_left(&in), 0);
    assert_int_equal(frame.stream, 3);
    assert_int_equal(frame.type, FRAME_REQUEST);
    assert_int_equal(frame.flags, 0);
    assert_int_equal(message_unpack(&ttrpc__request__descriptor, frame.body, &message, &why), 0);
    request = (Ttrpc__Request *)(void *)message;
    assert_string_equal(request->service, "containerd.task.v3.Task");
    assert_string_equal(request->method, "Connect");
    assert_int_equal(request->n_metadata, 1);
    assert_string_equal(request->metadata[0]->value, "default");
    (void)message_free(message);
}

static void every_shorter_input_asks_for_more_and_takes_nothing(void **state)
{
    (void)state;
    for (size_t length = 0; length < SAMPLE_BYTES; length++) {
        struct cursor in = cursor_over(sample, length);
        struct frame frame;

        assert_int_equal(frame_read(&in, &frame), FRAME_PARTIAL);
        assert_ptr_equal(in.at, sample);
    }
}

static void four_mebibytes_is_the_most(void **state)
{
    static const uint8_t most[] = {0x00, 0x40, 0x00, 0x00, 0, 0, 0, 1, 1, 0};
    static const uint8_t more[] = {0x00, 0x40, 0x00, 0x01, 0, 0, 0, 1, 1, 0};
    struct cursor in = cursor_over(most, sizeof(most));
    struct frame frame;

    (void)state;
    assert_int_equal(frame_read(&in, &frame), FRAME_PARTIAL);
    in = cursor_over(more, sizeof(more));
    assert_int_equal(frame_read(&in, &frame), FRAME_TOO_LONG);
    assert_int_equal(frame.length, FRAME_BODY_MAX + 1);
    assert_int_equal(cursor_left(&in), 0);
}

static void what_is_put_is_what_containerd_expects(void **state)
{
    static const uint8_t expected[] = {0, 0, 0, 8,    0,    0,    0,    3,    2,
                                       0, 0x12, 6, 8, 0x92, 0x21, 0x10, 0x93, 0x21};
    Task__ConnectResponse connected = TASK__CONNECT_RESPONSE__INIT;
    Ttrpc__Response response = TTRPC__RESPONSE__INIT;
    struct buf payload = BUF(100);
    struct buf body = BUF(100);
    struct buf out = BUF(100);

    (void)state;
    connected.shim_pid = 4242;
    connected.task_pid = 4243;
    message_pack(&connected.base, &payload);
    response.payload.data = payload.data;
    response.payload.len = payload.length;
    message_pack(&response.base, &body);
    frame_put(&out, &(struct frame){.stream = 3, .type = FRAME_RESPONSE,
                                    .body = {(const char *)body.data, body.length}});
    assert_int_equal(out.length, sizeof(expected));
    assert_memory_equal(out.data, expected, sizeof(expected));
    buf_fini(&payload);
    buf_fini(&body);
    buf_fini(&out);
}

static void garbage_is_no_message(void **state)
{
    static const char garbage[] = "\x0a\xff\xff\xff\xff\x0f";
    ProtobufCMessage *message = NULL;
    struct fault why = {0};

    (void)state;
    assert_true(message_unpack(&task__state_request__descriptor,
                               (struct text){garbage, sizeof(garbage) - 1}, &message, &why) < 0);
    assert_int_equal(why.kind, FAULT_INTERNAL);
    assert_string_equal(why.text, "6 bytes are no message of type task.StateRequest");
    assert_null(message);
}

static void a_small_frame_cannot_ask_for_much_memory(void **state)
{
    struct buf bomb = BUF(FRAME_BODY_MAX);
    ProtobufCMessage *message = NULL;
    struct fault why = {0};

    (void)state;
    while (bomb.length + 2 <= FRAME_BODY_MAX) {
        buf_put(&bomb, "\x1a\x00", 2); /* one more empty mount */
    }
    assert_true(message_unpack(&task__create_task_request__descriptor,
                               (struct text){(const char *)bomb.data, bomb.length}, &message,
                               &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    assert_string_equal(
        why.text, "a message of type task.CreateTaskRequest needs more than 32 MiB of memory");
    buf_fini(&bomb);
}

static void a_status_reads_as_containerd_writes_them(void **state)
{
    char text[STATUS_TEXT_MAX];
    struct fault why = {0};

    (void)state;
    (void)fault(&why, FAULT_NOT_FOUND, "container not created");
    status_text(&why, text);
    assert_string_equal(text, "container not created: not found");
    (void)fault(&why, FAULT_NOT_FOUND, "a: not found");
    status_text(&why, text);
    assert_string_equal(text, "a: not found");
    (void)fault(&why, FAULT_INVALID, "bad \xff\xc3 \xe2\x82\xac \xed\xa0\x80\n");
    status_text(&why, text);
    assert_string_equal(text, "bad ?? \xe2\x82\xac ????: invalid argument");
}

static void every_kind_survives_the_way_over_the_wire(void **state)
{
    (void)state;
    for (enum fault_kind kind = FAULT_NONE + 1; kind < FAULT_KINDS; kind++) {
        struct fault there = {0};

        status_fault(fault_grpc(kind), "text", &there);
        assert_int_equal(there.kind, kind);
        assert_string_equal(there.text, "text");
    }
}

static void a_status_without_a_text_still_says_something(void **state)
{
    struct fault there = {0};

    (void)state;
    status_fault(10, "", &there);
    assert_int_equal(there.kind, FAULT_SYSTEM);
    assert_string_equal(there.text, "the server answered code 10 without a text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_of_containerd_is_understood),
        cmocka_unit_test(every_shorter_input_asks_for_more_and_takes_nothing),
        cmocka_unit_test(four_mebibytes_is_the_most),
        cmocka_unit_test(what_is_put_is_what_containerd_expects),
        cmocka_unit_test(garbage_is_no_message),
        cmocka_unit_test(a_small_frame_cannot_ask_for_much_memory),
        cmocka_unit_test(a_status_reads_as_containerd_writes_them),
        cmocka_unit_test(every_kind_survives_the_way_over_the_wire),
        cmocka_unit_test(a_status_without_a_text_still_says_something),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
