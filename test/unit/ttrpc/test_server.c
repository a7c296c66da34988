/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "test/unit/ttrpc/server_room.h"

static void answers_come_in_the_order_in_which_they_are_given(void **state)
{
    struct server_room *room = *state;
    struct raw_peer *peer = &room->peer;

    raw_peer_call(peer, 1, "Hold", text("first"));
    raw_peer_call(peer, 3, "Hold", text("second"));
    raw_peer_call(peer, 5, "Echo", text("third"));
    raw_peer_await(peer, 1);
    assert_int_equal(room->held_count, 2);
    ttrpc_answer(room->held[1], text("b"));
    ttrpc_answer(room->held[0], text("a"));
    room->held_count = 0;
    raw_peer_await(peer, 3);
    assert_int_equal(peer->frames[0].stream, 5);
    assert_int_equal(peer->frames[1].stream, 3);
    assert_int_equal(peer->frames[2].stream, 1);
    assert_answer(room, 1, 0, "a");
    assert_answer(room, 5, 0, "third");
    assert_int_equal(ttrpc_server_calls(room->server), 0);
}

static void what_cannot_be_dispatched_is_unimplemented(void **state)
{
    struct server_room *room = *state;
    static const char foreign[] = "\x0a\x05other\x12\x04Look";

    raw_peer_call(&room->peer, 1, "Nothing", text(""));
    raw_peer_send_frame(&room->peer, &(struct frame){.stream = 3, .type = FRAME_REQUEST,
                                                     .body = text(foreign)});
    raw_peer_await(&room->peer, 2);
    assert_answer(room, 1, 12, "method Nothing: not implemented");
    assert_answer(room, 3, 12, "service other: not implemented");
}

static void stream_ids_are_odd_and_grow(void **state)
{
    struct server_room *room = *state;
    struct raw_peer *peer = &room->peer;

    raw_peer_call(peer, 7, "Echo", text("x"));
    raw_peer_call(peer, 5, "Echo", text("x"));
    raw_peer_call(peer, 4, "Echo", text("x"));
    raw_peer_call(peer, 9, "Echo", text("y"));
    raw_peer_await(peer, 4);
    assert_answer(room, 5, 3, "StreamID cannot be re-used and must increment: invalid argument");
    assert_answer(room, 4, 3, "StreamID must be odd for client initiated streams: invalid argument");
    assert_answer(room, 9, 0, "y");
    raw_peer_call(peer, 9, "Echo", text("z"));
    raw_peer_await(peer, 5);
    assert_int_equal(peer->frames[4].stream, 9);
}

static void garbage_is_refused_and_nothing_else_disturbed(void **state)
{
    struct server_room *room = *state;

    raw_peer_send_frame(&room->peer, &(struct frame){.stream = 1, .type = FRAME_REQUEST,
                                                     .body = text("\xff\xff\xff")});
    raw_peer_send_frame(&room->peer, &(struct frame){.stream = 3, .type = 77, .body = text("?")});
    raw_peer_send_frame(&room->peer, &(struct frame){.stream = 3, .type = FRAME_RESPONSE});
    raw_peer_call(&room->peer, 3, "Echo", text("still here"));
    raw_peer_await(&room->peer, 2);
    assert_answer(room, 1, 3, "3 bytes are no message of type ttrpc.Request: invalid argument");
    assert_answer(room, 3, 0, "still here");
}

static void a_body_that_is_too_long_is_thrown_away_and_refused(void **state)
{
    struct server_room *room = *state;
    uint8_t header[FRAME_HEADER_BYTES] = {0, 0x50, 0, 0, 0, 0, 0, 1, 1, 0};
    AUTO(memory_free) uint8_t *body = NEW_ARRAY(5U << 20, uint8_t);

    raw_peer_send(&room->peer, header, sizeof(header));
    raw_peer_await(&room->peer, 1); /* it does not wait for the body */
    assert_answer(room, 1, 8,
                  "a message of 5242880 bytes is larger than 4194304 bytes: resource exhausted");
    raw_peer_send(&room->peer, body, 5U << 20);
    raw_peer_call(&room->peer, 3, "Echo", text("next"));
    raw_peer_await(&room->peer, 2);
    assert_answer(room, 3, 0, "next");
}

static void the_largest_frame_passes_byte_by_byte(void **state)
{
    struct server_room *room = *state;
    AUTO(memory_free) char *bytes = NEW_ARRAY(FRAME_BODY_MAX - 100, char);

    memset(bytes, 'x', FRAME_BODY_MAX - 100);
    raw_peer_call(&room->peer, 1, "Echo", (struct text){bytes, FRAME_BODY_MAX - 100});
    raw_peer_await(&room->peer, 1);
    assert_int_equal(raw_peer_code(&room->peer, 1, NULL), 0);
    assert_true(raw_peer_body(&room->peer, 0).length >= FRAME_BODY_MAX - 100);
    assert_true(raw_peer_body(&room->peer, 0).length <= FRAME_BODY_MAX);
}

static void a_truncated_frame_waits_for_its_rest(void **state)
{
    struct server_room *room = *state;
    static const uint8_t bytes[] = "\0\0\0\x0d\0\0\0\x01\x01\0\x0a\x04test\x12\x04"
                                   "Echo\x18";
    uint8_t whole[FRAME_HEADER_BYTES + 12];

    memcpy(whole, bytes, sizeof(whole));
    whole[3] = 12;
    for (size_t i = 0; i < sizeof(whole); i++) {
        raw_peer_send(&room->peer, whole + i, 1);
        assert_int_equal(room->peer.count, 0);
    }
    raw_peer_await(&room->peer, 1);
    assert_answer(room, 1, 0, "");
}

static void data_frames_belong_to_no_unary_call(void **state)
{
    struct server_room *room = *state;

    raw_peer_call(&room->peer, 1, "Watch", text(""));
    raw_peer_send_frame(&room->peer, &(struct frame){.stream = 1, .type = FRAME_DATA});
    raw_peer_send_frame(&room->peer, &(struct frame){.stream = 9, .type = FRAME_DATA});
    raw_peer_await(&room->peer, 2);
    assert_answer(room, 1, 3, "StreamID 1 is not open for data: invalid argument");
    assert_answer(room, 9, 3, "StreamID 9 is not open for data: invalid argument");
    assert_int_equal(room->gone_count, 1);
    ttrpc_answer(room->held[0], text("nobody hears this"));
    room->held_count = 0;
    raw_peer_call(&room->peer, 3, "Echo", text("x"));
    raw_peer_await(&room->peer, 3);
    assert_int_equal(room->peer.frames[2].stream, 3);
}

static void metadata_and_deadline_reach_the_method(void **state)
{
    struct server_room *room = *state;
    static const char bytes[] = "\x0a\x04more\x12\x04Look\x20\xe8\x07\x2a\x06\x0a\x01k\x12\x01v"
                                "\x2a\x25\x0a\x1a"
                                "containerd-namespace-ttrpc\x12\x07"
                                "default";
    uint64_t before = clock_now_ns();

    raw_peer_send_frame(&room->peer, &(struct frame){.stream = 1, .type = FRAME_REQUEST,
                                                     .body = text(bytes)});
    raw_peer_await(&room->peer, 1);
    assert_answer(room, 1, 0, "more");
    assert_string_equal(room->namespace_id, "default");
    assert_true(room->deadline_ns >= before + 1000);
    assert_true(room->deadline_ns <= clock_now_ns() + 1000);
    raw_peer_call(&room->peer, 3, "Look", text(""));
    raw_peer_await(&room->peer, 2);
    assert_string_equal(room->namespace_id, "");
    assert_int_equal(room->deadline_ns, 0);
}

static void streaming_is_not_offered(void **state)
{
    struct server_room *room = *state;

    raw_peer_send_frame(&room->peer, &(struct frame){.stream = 1, .type = FRAME_REQUEST,
                                                     .flags = FRAME_REMOTE_OPEN,
                                                     .body = text("\x0a\x04test\x12\x04"
                                                                  "Echo")});
    raw_peer_await(&room->peer, 1);
    assert_answer(room, 1, 12, "streaming requests: not implemented");
}

static void a_refusal_is_a_status_and_no_payload(void **state)
{
    struct server_room *room = *state;

    raw_peer_call(&room->peer, 1, "Refuse", text(""));
    raw_peer_await(&room->peer, 1);
    assert_answer(room, 1, 5, "container not created: not found");
}

static void an_answer_that_is_too_long_becomes_a_refusal(void **state)
{
    struct server_room *room = *state;

    raw_peer_call(&room->peer, 1, "Big", text("too big"));
    raw_peer_await(&room->peer, 1);
    assert_answer(room, 1, 8, "the answer is larger than 4194304 bytes: resource exhausted");
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(answers_come_in_the_order_in_which_they_are_given),
        ROW(what_cannot_be_dispatched_is_unimplemented),
        ROW(stream_ids_are_odd_and_grow),
        ROW(garbage_is_refused_and_nothing_else_disturbed),
        ROW(a_body_that_is_too_long_is_thrown_away_and_refused),
        ROW(the_largest_frame_passes_byte_by_byte),
        ROW(a_truncated_frame_waits_for_its_rest),
        ROW(data_frames_belong_to_no_unary_call),
        ROW(metadata_and_deadline_reach_the_method),
        ROW(streaming_is_not_offered),
        ROW(a_refusal_is_a_status_and_no_payload),
        ROW(an_answer_that_is_too_long_becomes_a_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
