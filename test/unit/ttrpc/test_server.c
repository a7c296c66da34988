/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/ttrpc/conn.h"
#include "shim/ttrpc/message.h"
#include "shim/ttrpc/server.h"
#include "test/unit/ttrpc/raw_peer.h"

enum { HELD_MAX = TTRPC_CALLS_MAX + 8 };

/* A server whose methods hold, echo or look at their calls. */
struct room {
    struct loop *loop;
    struct ttrpc_server *server;
    char folder[64];
    char path[96];
    struct ttrpc_call *held[HELD_MAX];
    size_t held_count;
    size_t gone_count;
    uint64_t deadline_ns;
    char namespace_id[64];
    struct raw_peer peer;
    struct raw_peer second; /* of tests that need one; they end it themselves */
};

static struct text text(const char *terminated)
{
    return (struct text){terminated, strlen(terminated)};
}

static void echo(void *owner, own struct ttrpc_call *call)
{
    (void)owner;
    ttrpc_answer(call, ttrpc_payload(call));
}

static void hold(void *owner, own struct ttrpc_call *call)
{
    struct room *room = owner;

    assert_true(room->held_count < HELD_MAX);
    room->held[room->held_count++] = call;
}

static void note_gone(void *owner, struct ttrpc_call *call)
{
    struct room *room = owner;

    assert_true(ttrpc_is_gone(call));
    room->gone_count++;
}

static void hold_and_watch(void *owner, own struct ttrpc_call *call)
{
    ttrpc_on_gone(call, note_gone, owner);
    hold(owner, call);
}

static void look(void *owner, own struct ttrpc_call *call)
{
    struct room *room = owner;

    room->deadline_ns = ttrpc_deadline_ns(call);
    (void)snprintf(room->namespace_id, sizeof(room->namespace_id), "%s", ttrpc_namespace(call));
    ttrpc_answer(call, text(ttrpc_call_method(call)->service));
}

static void refuse(void *owner, own struct ttrpc_call *call)
{
    struct fault why = {0};

    (void)owner;
    (void)fault(&why, FAULT_NOT_FOUND, "container not created");
    ttrpc_refuse(call, &why);
}

static void big(void *owner, own struct ttrpc_call *call)
{
    size_t length = ttrpc_payload(call).length;
    size_t wanted = length == 1 ? 1U << 20 : FRAME_BODY_MAX + 1U;
    AUTO(memory_free) char *bytes = NEW_ARRAY(wanted, char);

    (void)owner;
    ttrpc_answer(call, (struct text){bytes, wanted});
}

static void end_server(void *owner, own struct ttrpc_call *call)
{
    struct room *room = owner;

    room->server = ttrpc_server_free(room->server);
    ttrpc_answer(call, text("late"));
}

static const struct ttrpc_method methods[] = {
    {"test", "Echo", echo},   {"test", "Hold", hold}, {"test", "Watch", hold_and_watch},
    {"test", "Look", look},   {"more", "Look", look}, {"test", "Refuse", refuse},
    {"test", "Big", big},     {"test", "End", end_server},
    {NULL, NULL, NULL},
};

static int set_up(void **state)
{
    struct room *room = NEW(struct room);
    struct fault why = {0};
    int listener = -1;

    (void)snprintf(room->folder, sizeof(room->folder), "/tmp/skep-ttrpc-XXXXXX");
    assert_non_null(mkdtemp(room->folder));
    (void)snprintf(room->path, sizeof(room->path), "%s/socket", room->folder);
    assert_int_equal(loop_new(&room->loop, &why), 0);
    assert_int_equal(ttrpc_listen(room->path, &listener, &why), 0);
    assert_int_equal(
        ttrpc_server_new(room->loop, listener, methods, room, &room->server, &why), 0);
    raw_peer_connect(&room->peer, room->loop, room->path);
    *state = room;
    return 0;
}

static int tear_down(void **state)
{
    struct room *room = *state;

    raw_peer_fini(&room->peer);
    room->server = ttrpc_server_free(room->server);
    while (room->held_count > 0) {
        ttrpc_answer(room->held[--room->held_count], text(""));
    }
    room->loop = loop_free(room->loop);
    (void)unlink(room->path);
    (void)rmdir(room->folder);
    free(room);
    return 0;
}

static void assert_answer(struct room *room, uint32_t stream, int code, const char *expected)
{
    const char *got = NULL;

    assert_int_equal(raw_peer_code(&room->peer, stream, &got), code);
    assert_string_equal(got, expected);
}

static void answers_come_in_the_order_in_which_they_are_given(void **state)
{
    struct room *room = *state;
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
    struct room *room = *state;
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
    struct room *room = *state;
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
    struct room *room = *state;

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
    struct room *room = *state;
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
    struct room *room = *state;
    AUTO(memory_free) char *bytes = NEW_ARRAY(FRAME_BODY_MAX - 100, char);

    memset(bytes, 'x', FRAME_BODY_MAX - 100);
    raw_peer_call(&room->peer, 1, "Echo", (struct text){bytes, FRAME_BODY_MAX - 100});
    raw_peer_await(&room->peer, 1);
    assert_int_equal(raw_peer_code(&room->peer, 1, NULL), 0);
    assert_in_range(raw_peer_body(&room->peer, 0).length, FRAME_BODY_MAX - 100, FRAME_BODY_MAX);
}

static void a_truncated_frame_waits_for_its_rest(void **state)
{
    struct room *room = *state;
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
    struct room *room = *state;

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

static void calls_of_a_dead_connection_can_still_be_answered(void **state)
{
    struct room *room = *state;
    struct fault why = {0};

    raw_peer_connect(&room->second, room->loop, room->path);
    raw_peer_call(&room->second, 1, "Hold", text("payload"));
    raw_peer_call(&room->second, 3, "Watch", text(""));
    raw_peer_call(&room->second, 5, "Echo", text(""));
    raw_peer_await(&room->second, 1);
    raw_peer_fini(&room->second);
    while (ttrpc_server_connections(room->server) > 1) {
        raw_peer_call(&room->peer, room->peer.count == 0 ? 1 : (uint32_t)room->peer.count * 2 + 1,
                      "Echo", text(""));
        raw_peer_await(&room->peer, room->peer.count + 1);
    }
    assert_int_equal(room->gone_count, 1);
    assert_int_equal(ttrpc_server_calls(room->server), 0);
    assert_true(ttrpc_is_gone(room->held[0]));
    assert_int_equal(ttrpc_payload(room->held[0]).length, 7);
    ttrpc_answer(room->held[0], text("late"));
    (void)fault(&why, FAULT_NOT_FOUND, "late");
    ttrpc_refuse(room->held[1], &why);
    room->held_count = 0;
}

static void a_method_may_end_its_server(void **state)
{
    struct room *room = *state;

    raw_peer_call(&room->peer, 1, "End", text(""));
    raw_peer_call(&room->peer, 3, "Echo", text(""));
    raw_peer_await_end(&room->peer);
    assert_null(room->server);
    assert_int_equal(room->peer.count, 0);
}

static void metadata_and_deadline_reach_the_method(void **state)
{
    struct room *room = *state;
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
    assert_in_range(room->deadline_ns, before + 1000, clock_now_ns() + 1000);
    raw_peer_call(&room->peer, 3, "Look", text(""));
    raw_peer_await(&room->peer, 2);
    assert_string_equal(room->namespace_id, "");
    assert_int_equal(room->deadline_ns, 0);
}

static void hundreds_of_calls_wait_and_the_ceiling_is_named(void **state)
{
    struct room *room = *state;

    for (uint32_t i = 0; i < TTRPC_CALLS_MAX; i++) {
        raw_peer_call(&room->peer, 2 * i + 1, "Hold", text(""));
    }
    raw_peer_call(&room->peer, 2 * TTRPC_CALLS_MAX + 1, "Hold", text(""));
    raw_peer_await(&room->peer, 1);
    assert_int_equal(room->held_count, TTRPC_CALLS_MAX);
    assert_int_equal(ttrpc_server_calls(room->server), TTRPC_CALLS_MAX);
    assert_answer(room, 2 * TTRPC_CALLS_MAX + 1, 8,
                  "4096 calls of this connection are not answered yet: resource exhausted");
    while (room->held_count > 0) {
        ttrpc_answer(room->held[--room->held_count], text("now"));
    }
    raw_peer_await(&room->peer, TTRPC_CALLS_MAX + 1);
    raw_peer_call(&room->peer, 2 * TTRPC_CALLS_MAX + 3, "Echo", text("again"));
    raw_peer_await(&room->peer, TTRPC_CALLS_MAX + 2);
    assert_answer(room, 2 * TTRPC_CALLS_MAX + 3, 0, "again");
}

static void streaming_is_not_offered(void **state)
{
    struct room *room = *state;

    raw_peer_send_frame(&room->peer, &(struct frame){.stream = 1, .type = FRAME_REQUEST,
                                                     .flags = FRAME_REMOTE_OPEN,
                                                     .body = text("\x0a\x04test\x12\x04"
                                                                  "Echo")});
    raw_peer_await(&room->peer, 1);
    assert_answer(room, 1, 12, "streaming requests: not implemented");
}

static void a_refusal_is_a_status_and_no_payload(void **state)
{
    struct room *room = *state;

    raw_peer_call(&room->peer, 1, "Refuse", text(""));
    raw_peer_await(&room->peer, 1);
    assert_answer(room, 1, 5, "container not created: not found");
}

static void an_answer_that_is_too_long_becomes_a_refusal(void **state)
{
    struct room *room = *state;

    raw_peer_call(&room->peer, 1, "Big", text("too big"));
    raw_peer_await(&room->peer, 1);
    assert_answer(room, 1, 8, "the answer is larger than 4194304 bytes: resource exhausted");
}

static void a_peer_that_does_not_read_is_not_read_and_loses_nothing(void **state)
{
    struct room *room = *state;

    raw_peer_pause(&room->peer, true);
    for (uint32_t i = 0; i < 64; i++) {
        raw_peer_call(&room->peer, 2 * i + 1, "Big", text("b"));
    }
    /* Others are served meanwhile. */
    raw_peer_connect(&room->second, room->loop, room->path);
    raw_peer_call(&room->second, 1, "Echo", text(""));
    raw_peer_await(&room->second, 1);
    raw_peer_fini(&room->second);
    assert_int_equal(room->peer.count, 0);
    raw_peer_pause(&room->peer, false);
    raw_peer_await(&room->peer, 64);
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(room->peer.frames[i].stream, 2 * i + 1);
        assert_int_equal(room->peer.frames[i].length, (1U << 20) + 4);
    }
}

static void requests_held_back_are_served_when_the_queue_drains(void **state)
{
    struct room *room = *state;

    /* In one piece: ten large answers fill the queue, the calls behind them are held back. */
    raw_peer_pause(&room->peer, true);
    for (uint32_t i = 0; i < 10; i++) {
        raw_peer_call(&room->peer, 2 * i + 1, "Big", text("b"));
    }
    for (uint32_t i = 10; i < 1000; i++) {
        raw_peer_call(&room->peer, 2 * i + 1, "Hold", text(""));
    }
    raw_peer_pause(&room->peer, false);
    raw_peer_await(&room->peer, 10);
    raw_peer_call(&room->peer, 2001, "Echo", text("last"));
    raw_peer_await(&room->peer, 11);
    assert_int_equal(room->held_count, 990);
    assert_answer(room, 2001, 0, "last");
}

static void a_peer_that_never_reads_is_cut_off_in_the_end(void **state)
{
    struct room *room = *state;

    raw_peer_pause(&room->peer, true);
    for (uint32_t i = 0; i < 20; i++) {
        raw_peer_call(&room->peer, 2 * i + 1, "Hold", text("b"));
    }
    raw_peer_connect(&room->second, room->loop, room->path);
    while (room->held_count < 20) {
        raw_peer_call(&room->second, (uint32_t)room->second.count * 2 + 1, "Echo", text(""));
        raw_peer_await(&room->second, room->second.count + 1);
    }
    raw_peer_fini(&room->second);
    while (room->held_count > 0) {
        big(room, room->held[--room->held_count]);
    }
    raw_peer_pause(&room->peer, false);
    raw_peer_await_end(&room->peer);
    assert_true(room->peer.count < 20);
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    struct room *room = *state;
    struct fault why = {0};
    struct stat about;
    int listener = -1;
    char expected[160];

    assert_true(ttrpc_listen(room->path, &listener, &why) < 0);
    assert_int_equal(why.kind, FAULT_EXISTS);
    (void)snprintf(expected, sizeof(expected), "somebody listens at %s already", room->path);
    assert_string_equal(why.text, expected);
    room->server = ttrpc_server_free(room->server);
    assert_int_equal(stat(room->path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(ttrpc_listen(room->path, &listener, &why), 0);
    (void)fd_close(listener);
}

static void a_path_that_is_too_long_is_named(void **state)
{
    char path[200];
    struct fault why = {0};
    int listener = -1;

    (void)state;
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_true(ttrpc_listen(path, &listener, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    assert_memory_equal(why.text, "a socket's path has 1 to 107 bytes, not 199: ", 45);
}

static void strangers_are_closed_without_a_word(void **state)
{
    struct room *room = *state;
    int fd;

    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chmod(room->folder, 0755), 0);
    assert_int_equal(chmod(room->path, 0666), 0);
    assert_int_equal(seteuid(65534), 0);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    {
        struct sockaddr_un at = {.sun_family = AF_UNIX};

        (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", room->path);
        assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&at, sizeof(at)), 0);
    }
    assert_int_equal(seteuid(0), 0);
    raw_peer_init(&room->second, room->loop, fd);
    raw_peer_await_end(&room->second);
    assert_int_equal(room->second.count, 0);
    raw_peer_fini(&room->second);
    raw_peer_call(&room->peer, 1, "Echo", text("friend"));
    raw_peer_await(&room->peer, 1);
}

static void connections_wait_while_descriptors_are_short(void **state)
{
    struct room *room = *state;
    struct rlimit before;
    struct rlimit few;

    raw_peer_call(&room->peer, 1, "Echo", text("")); /* so that it is accepted */
    raw_peer_await(&room->peer, 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    raw_peer_connect(&room->second, room->loop, room->path);
    few = before;
    few.rlim_cur = (rlim_t)room->second.socket + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    raw_peer_call(&room->peer, 3, "Echo", text("served"));
    raw_peer_await(&room->peer, 2);
    assert_int_equal(ttrpc_server_connections(room->server), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    raw_peer_call(&room->second, 1, "Echo", text("accepted"));
    raw_peer_await(&room->second, 1);
    raw_peer_fini(&room->second);
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
        ROW(calls_of_a_dead_connection_can_still_be_answered),
        ROW(a_method_may_end_its_server),
        ROW(metadata_and_deadline_reach_the_method),
        ROW(hundreds_of_calls_wait_and_the_ceiling_is_named),
        ROW(streaming_is_not_offered),
        ROW(a_refusal_is_a_status_and_no_payload),
        ROW(an_answer_that_is_too_long_becomes_a_refusal),
        ROW(a_peer_that_does_not_read_is_not_read_and_loses_nothing),
        ROW(requests_held_back_are_served_when_the_queue_drains),
        ROW(a_peer_that_never_reads_is_cut_off_in_the_end),
        ROW(a_stale_socket_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(a_path_that_is_too_long_is_named),
        ROW(strangers_are_closed_without_a_word),
        ROW(connections_wait_while_descriptors_are_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
