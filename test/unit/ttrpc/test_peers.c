/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "test/unit/ttrpc/server_room.h"

static void calls_of_a_dead_connection_can_still_be_answered(void **state)
{
    struct server_room *room = *state;
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
    struct server_room *room = *state;

    raw_peer_call(&room->peer, 1, "End", text(""));
    raw_peer_call(&room->peer, 3, "Echo", text(""));
    raw_peer_await_end(&room->peer);
    assert_null(room->server);
    assert_int_equal(room->peer.count, 0);
}

static void hundreds_of_calls_wait_and_the_ceiling_is_named(void **state)
{
    struct server_room *room = *state;

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

static void a_peer_that_does_not_read_is_not_read_and_loses_nothing(void **state)
{
    struct server_room *room = *state;

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
    struct server_room *room = *state;

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
    struct server_room *room = *state;

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
    struct server_room *room = *state;
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
    struct server_room *room = *state;
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
    struct server_room *room = *state;
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
        ROW(calls_of_a_dead_connection_can_still_be_answered),
        ROW(a_method_may_end_its_server),
        ROW(hundreds_of_calls_wait_and_the_ceiling_is_named),
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
