/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "shim/proto/event.pb-c.h"
#include "shim/proto/types.pb-c.h"
#include "shim/ttrpc/client.h"
#include "shim/ttrpc/message.h"
#include "shim/ttrpc/server.h"

enum { REPLIES_MAX = TTRPC_CLIENT_CALLS_MAX + 8 };

struct reply {
    struct fault failed;
    char payload[64];
};

struct room {
    struct loop *loop;
    struct ttrpc_server *server;
    struct ttrpc_client *client;
    struct loop_timer *timer;
    char folder[64];
    char path[96];
    struct ttrpc_call *held[REPLIES_MAX];
    size_t held_count;
    char topic[64];
    char namespace_id[64];
    struct reply replies[REPLIES_MAX];
    size_t count;
    size_t wanted;
    bool inside;   /* a call function runs */
    bool end_self; /* the reply frees the client */
    bool call_again;
};

static const struct ttrpc_request hold_request = {
    .service = "events", .method = "Hold", .timeout_ns = 10 * NS_PER_S};
static const struct ttrpc_request short_request = {
    .service = "events", .method = "Hold", .timeout_ns = NS_PER_MS};
static const struct ttrpc_request refuse_request = {
    .service = "events", .method = "Refuse", .timeout_ns = 10 * NS_PER_S};

static void forward(void *owner, own struct ttrpc_call *call)
{
    struct room *room = owner;
    ProtobufCMessage *message = NULL;
    struct fault why = {0};

    assert_int_equal(ttrpc_unpack(call, &event__forward_request__descriptor, &message, &why), 0);
    (void)snprintf(room->topic, sizeof(room->topic), "%s",
                   ((Event__ForwardRequest *)(void *)message)->envelope->topic);
    (void)snprintf(room->namespace_id, sizeof(room->namespace_id), "%s", ttrpc_namespace(call));
    assert_true(ttrpc_deadline_ns(call) > clock_now_ns());
    (void)message_free(message);
    ttrpc_answer_message(call, NULL);
}

static void hold(void *owner, own struct ttrpc_call *call)
{
    struct room *room = owner;

    room->held[room->held_count++] = call;
}

static void refuse(void *owner, own struct ttrpc_call *call)
{
    struct fault why = {0};

    (void)owner;
    (void)fault(&why, FAULT_NOT_FOUND, "no such thing");
    ttrpc_refuse(call, &why);
}

static const struct ttrpc_method methods[] = {
    {"events", "Forward", forward},
    {"events", "Hold", hold},
    {"events", "Refuse", refuse},
    {NULL, NULL, NULL},
};

static void replied(void *owner, struct text payload, const struct fault *failed)
{
    struct room *room = owner;
    struct reply *reply = &room->replies[room->count++];

    assert_false(room->inside);
    if (failed) {
        reply->failed = *failed;
        assert_int_equal(payload.length, 0);
    }
    (void)snprintf(reply->payload, sizeof(reply->payload), "%.*s", (int)payload.length,
                   payload.at ? payload.at : "");
    if (room->end_self) {
        room->client = ttrpc_client_free(room->client);
    }
    if (room->call_again) {
        room->call_again = false;
        ttrpc_client_call(room->client, &refuse_request, replied, room);
    }
    if (room->count >= room->wanted) {
        loop_stop(room->loop);
    }
}

static void call(struct room *room, const struct ttrpc_request *request)
{
    room->inside = true;
    ttrpc_client_call(room->client, request, replied, room);
    room->inside = false;
}

static void too_late(void *owner)
{
    (void)owner;
    fail_msg("not within ten seconds");
}

static void await(struct room *room, size_t count)
{
    room->wanted = count;
    loop_timer_set(room->timer, 10 * NS_PER_S);
    while (room->count < count) {
        loop_run(room->loop);
    }
    loop_timer_stop(room->timer);
}

static void serve(struct room *room)
{
    struct fault why = {0};
    int listener = -1;

    assert_int_equal(ttrpc_listen(room->path, &listener, &why), 0);
    assert_int_equal(
        ttrpc_server_new(room->loop, listener, methods, room, &room->server, &why), 0);
}

static int set_up(void **state)
{
    struct room *room = NEW(struct room);
    struct fault why = {0};

    (void)snprintf(room->folder, sizeof(room->folder), "/tmp/skep-ttrpc-XXXXXX");
    assert_non_null(mkdtemp(room->folder));
    (void)snprintf(room->path, sizeof(room->path), "%s/socket", room->folder);
    assert_int_equal(loop_new(&room->loop, &why), 0);
    room->timer = loop_timer_new(room->loop, too_late, room);
    assert_int_equal(ttrpc_client_new(room->loop, room->path, &room->client, &why), 0);
    serve(room);
    *state = room;
    return 0;
}

static int tear_down(void **state)
{
    struct room *room = *state;

    room->client = ttrpc_client_free(room->client);
    while (room->held_count > 0) {
        ttrpc_answer_message(room->held[--room->held_count], NULL);
    }
    room->server = ttrpc_server_free(room->server);
    room->timer = loop_timer_free(room->timer);
    room->loop = loop_free(room->loop);
    (void)unlink(room->path);
    (void)rmdir(room->folder);
    free(room);
    return 0;
}

static void an_event_is_forwarded(void **state)
{
    struct room *room = *state;
    Event__Envelope envelope = EVENT__ENVELOPE__INIT;
    Event__ForwardRequest message = EVENT__FORWARD_REQUEST__INIT;
    char topic[] = "/tasks/create";

    envelope.topic = topic;
    message.envelope = &envelope;
    call(room, &(struct ttrpc_request){.service = "events", .method = "Forward",
                                       .message = &message.base, .namespace_id = "k8s.io",
                                       .timeout_ns = 5 * NS_PER_S});
    await(room, 1);
    assert_int_equal(room->replies[0].failed.kind, FAULT_NONE);
    assert_string_equal(room->topic, "/tasks/create");
    assert_string_equal(room->namespace_id, "k8s.io");
}

static void a_status_arrives_as_a_fault(void **state)
{
    struct room *room = *state;

    call(room, &refuse_request);
    await(room, 1);
    assert_int_equal(room->replies[0].failed.kind, FAULT_NOT_FOUND);
    assert_string_equal(room->replies[0].failed.text, "no such thing: not found");
}

static void answers_find_their_calls_in_any_order(void **state)
{
    struct room *room = *state;

    call(room, &hold_request);
    call(room, &hold_request);
    call(room, &refuse_request);
    await(room, 1);
    assert_int_equal(room->held_count, 2);
    ttrpc_answer(room->held[1], (struct text){"two", 3});
    ttrpc_answer(room->held[0], (struct text){"one", 3});
    room->held_count = 0;
    await(room, 3);
    assert_string_equal(room->replies[1].payload, "two");
    assert_string_equal(room->replies[2].payload, "one");
    assert_int_equal(ttrpc_server_connections(room->server), 1);
}

static void silence_ends_with_a_time_out_and_a_late_answer_is_dropped(void **state)
{
    struct room *room = *state;

    call(room, &short_request);
    await(room, 1);
    assert_int_equal(room->replies[0].failed.kind, FAULT_TIMEOUT);
    call(room, &hold_request);
    call(room, &refuse_request);
    await(room, 2);
    assert_int_equal(room->held_count, 2);
    ttrpc_answer(room->held[0], (struct text){"late", 4});
    ttrpc_answer(room->held[1], (struct text){"good", 4});
    room->held_count = 0;
    await(room, 3);
    assert_string_equal(room->replies[2].payload, "good");
}

static void a_server_that_is_gone_fails_the_waiting_and_comes_back(void **state)
{
    struct room *room = *state;

    call(room, &hold_request);
    call(room, &refuse_request);
    await(room, 1);
    room->server = ttrpc_server_free(room->server);
    await(room, 2);
    assert_int_equal(room->replies[1].failed.kind, FAULT_UNAVAILABLE);
    call(room, &refuse_request);
    await(room, 3);
    assert_int_equal(room->replies[2].failed.kind, FAULT_UNAVAILABLE);
    assert_non_null(strstr(room->replies[2].failed.text, "Connection refused"));
    serve(room);
    call(room, &refuse_request);
    await(room, 4);
    assert_int_equal(room->replies[3].failed.kind, FAULT_NOT_FOUND);
}

static void no_server_at_all_is_told_later_not_at_once(void **state)
{
    struct room *room = *state;

    room->server = ttrpc_server_free(room->server);
    (void)unlink(room->path);
    call(room, &refuse_request);
    assert_int_equal(room->count, 0);
    await(room, 1);
    assert_int_equal(room->replies[0].failed.kind, FAULT_UNAVAILABLE);
    assert_non_null(strstr(room->replies[0].failed.text, "No such file or directory"));
}

static void a_reply_may_end_the_client(void **state)
{
    struct room *room = *state;

    call(room, &hold_request);
    call(room, &refuse_request);
    room->end_self = true;
    await(room, 1);
    assert_null(room->client);
    assert_int_equal(room->count, 1);
}

static void a_reply_may_call_again(void **state)
{
    struct room *room = *state;

    room->server = ttrpc_server_free(room->server);
    call(room, &refuse_request);
    room->call_again = true;
    await(room, 2);
    assert_int_equal(room->replies[1].failed.kind, FAULT_UNAVAILABLE);
}

static void one_call_too_many_is_refused(void **state)
{
    struct room *room = *state;

    for (size_t i = 0; i <= TTRPC_CLIENT_CALLS_MAX; i++) {
        call(room, &hold_request);
    }
    await(room, 1);
    assert_int_equal(room->replies[0].failed.kind, FAULT_LIMIT);
}

static void a_request_that_is_too_long_is_not_sent(void **state)
{
    struct room *room = *state;
    Types__Any any = TYPES__ANY__INIT;
    AUTO(memory_free) uint8_t *bytes = NEW_ARRAY(5U << 20, uint8_t);

    any.value.data = bytes;
    any.value.len = 5U << 20;
    call(room, &(struct ttrpc_request){.service = "events", .method = "Hold",
                                       .message = &any.base, .timeout_ns = 10 * NS_PER_S});
    await(room, 1);
    assert_int_equal(room->replies[0].failed.kind, FAULT_LIMIT);
    assert_string_equal(room->replies[0].failed.text, "a request is larger than 4194304 bytes");
    call(room, &refuse_request);
    await(room, 2);
    assert_int_equal(room->replies[1].failed.kind, FAULT_NOT_FOUND);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(an_event_is_forwarded),
        ROW(a_status_arrives_as_a_fault),
        ROW(answers_find_their_calls_in_any_order),
        ROW(silence_ends_with_a_time_out_and_a_late_answer_is_dropped),
        ROW(a_server_that_is_gone_fails_the_waiting_and_comes_back),
        ROW(no_server_at_all_is_told_later_not_at_once),
        ROW(a_reply_may_end_the_client),
        ROW(a_reply_may_call_again),
        ROW(one_call_too_many_is_refused),
        ROW(a_request_that_is_too_long_is_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
