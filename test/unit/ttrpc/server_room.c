/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/ttrpc/server_room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/loop.h"

struct text text(const char *terminated)
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
    struct server_room *room = owner;

    assert_true(room->held_count < HELD_MAX);
    room->held[room->held_count++] = call;
}

static void note_gone(void *owner, struct ttrpc_call *call)
{
    struct server_room *room = owner;

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
    struct server_room *room = owner;

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

void big(void *owner, own struct ttrpc_call *call)
{
    size_t length = ttrpc_payload(call).length;
    size_t wanted = length == 1 ? 1U << 20 : FRAME_BODY_MAX + 1U;
    AUTO(memory_free) char *bytes = NEW_ARRAY(wanted, char);

    (void)owner;
    ttrpc_answer(call, (struct text){bytes, wanted});
}

static void end_server(void *owner, own struct ttrpc_call *call)
{
    struct server_room *room = owner;

    room->server = ttrpc_server_free(room->server);
    ttrpc_answer(call, text("late"));
}

static const struct ttrpc_method methods[] = {
    {"test", "Echo", echo},   {"test", "Hold", hold}, {"test", "Watch", hold_and_watch},
    {"test", "Look", look},   {"more", "Look", look}, {"test", "Refuse", refuse},
    {"test", "Big", big},     {"test", "End", end_server},
    {NULL, NULL, NULL},
};

int set_up(void **state)
{
    struct server_room *room = NEW(struct server_room);
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

int tear_down(void **state)
{
    struct server_room *room = *state;

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

void assert_answer(const struct server_room *room, uint32_t stream, int code,
                   const char *expected)
{
    const char *got = NULL;

    assert_int_equal(raw_peer_code(&room->peer, stream, &got), code);
    assert_string_equal(got, expected);
}
