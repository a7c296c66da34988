/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/ttrpc/raw_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/ttrpc/message.h"

static void parse(struct raw_peer *peer)
{
    struct cursor in = cursor_over(peer->in.data, peer->in.length);

    in.at += peer->parsed;
    while (peer->count < RAW_FRAMES_MAX &&
           frame_read(&in, &peer->frames[peer->count]) == FRAME_READY) {
        peer->at[peer->count] = (size_t)(in.at - peer->in.data) - peer->frames[peer->count].length;
        peer->count++;
    }
    peer->parsed = (size_t)(in.at - peer->in.data);
}

static void peer_ready(void *owner, unsigned events)
{
    struct raw_peer *peer = owner;
    uint8_t *room = NULL;
    ssize_t got;

    if ((events & LOOP_WRITE) != 0) {
        loop_stop(peer->loop);
    }
    if ((events & LOOP_READ) == 0) {
        return;
    }
    room = buf_reserve(&peer->in, 65536);
    assert_non_null(room);
    got = recv(peer->socket, room, 65536, MSG_DONTWAIT);
    if (got > 0) {
        peer->in.length += (size_t)got;
        parse(peer);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        peer->ended = true;
        loop_io_want(peer->io, 0);
    }
    if (peer->ended || (!peer->want_end && peer->count >= peer->wanted)) {
        loop_stop(peer->loop);
    }
}

static void peer_late(void *owner)
{
    struct raw_peer *peer = owner;

    peer->late = true;
    loop_stop(peer->loop);
}

void raw_peer_init(struct raw_peer *peer, struct loop *loop, int socket)
{
    memset(peer, 0, sizeof(*peer));
    peer->loop = loop;
    peer->socket = socket;
    peer->in = BUF(256U << 20);
    assert_int_equal(fd_set_nonblocking(socket, true), 0);
    peer->timer = loop_timer_new(loop, peer_late, peer);
    peer->io = loop_watch(loop, socket, LOOP_READ, peer_ready, peer);
    assert_non_null(peer->io);
}

void raw_peer_connect(struct raw_peer *peer, struct loop *loop, const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&at, sizeof(at)), 0);
    raw_peer_init(peer, loop, fd);
}

void raw_peer_fini(struct raw_peer *peer)
{
    peer->io = loop_io_close(peer->io);
    peer->timer = loop_timer_free(peer->timer);
    peer->socket = fd_close(peer->socket);
    buf_fini(&peer->in);
}

static void serve(struct raw_peer *peer, const char *what)
{
    loop_timer_set(peer->timer, 10 * NS_PER_S);
    loop_run(peer->loop);
    loop_timer_stop(peer->timer);
    if (peer->late) {
        fail_msg("%s: not within ten seconds", what);
    }
}

void raw_peer_send(struct raw_peer *peer, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;

    while (length > 0 && !peer->ended) {
        ssize_t sent = send(peer->socket, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent > 0) {
            at += sent;
            length -= (size_t)sent;
        } else {
            assert_int_equal(errno, EAGAIN);
            peer->wanted = RAW_FRAMES_MAX + 1;
            loop_io_want(peer->io, LOOP_READ | LOOP_WRITE);
            serve(peer, "room to send");
            loop_io_want(peer->io, LOOP_READ);
        }
    }
}

void raw_peer_send_frame(struct raw_peer *peer, const struct frame *frame)
{
    struct buf out = BUF(FRAME_HEADER_BYTES + FRAME_BODY_MAX);

    frame_put(&out, frame);
    raw_peer_send(peer, out.data, out.length);
    buf_fini(&out);
}

void raw_peer_call(struct raw_peer *peer, uint32_t stream, const char *method, struct text payload)
{
    Ttrpc__Request request = TTRPC__REQUEST__INIT;
    struct buf body = BUF(FRAME_BODY_MAX);

    request.service = (char *)(uintptr_t)"test";
    request.method = (char *)(uintptr_t)method;
    request.payload.data = (uint8_t *)(uintptr_t)payload.at;
    request.payload.len = payload.length;
    message_pack(&request.base, &body);
    raw_peer_send_frame(peer, &(struct frame){.stream = stream,
                                              .type = FRAME_REQUEST,
                                              .body = {(const char *)body.data, body.length}});
    buf_fini(&body);
}

void raw_peer_await(struct raw_peer *peer, size_t count)
{
    peer->wanted = count;
    while (peer->count < count && !peer->ended) {
        serve(peer, "frames");
    }
    assert_true(peer->count >= count);
}

void raw_peer_await_end(struct raw_peer *peer)
{
    peer->want_end = true;
    while (!peer->ended) {
        serve(peer, "the end of the connection");
    }
}

void raw_peer_pause(struct raw_peer *peer, bool pause)
{
    loop_io_want(peer->io, pause ? 0 : LOOP_READ);
}

struct text raw_peer_body(const struct raw_peer *peer, size_t index)
{
    return (struct text){(const char *)peer->in.data + peer->at[index],
                         peer->frames[index].length};
}

size_t raw_peer_answer(const struct raw_peer *peer, uint32_t stream)
{
    for (size_t i = 0; i < peer->count; i++) {
        if (peer->frames[i].stream == stream && peer->frames[i].type == FRAME_RESPONSE) {
            return i;
        }
    }
    fail_msg("stream %u has no answer", stream);
    return 0;
}

int raw_peer_code(const struct raw_peer *peer, uint32_t stream, const char **ret_text)
{
    static char text[1024];
    ProtobufCMessage *message = NULL;
    Ttrpc__Response *response = NULL;
    struct fault why = {0};
    int code = 0;

    assert_int_equal(message_unpack(&ttrpc__response__descriptor,
                                    raw_peer_body(peer, raw_peer_answer(peer, stream)), &message,
                                    &why),
                     0);
    response = (Ttrpc__Response *)(void *)message;
    if (response->status) {
        code = response->status->code;
        (void)snprintf(text, sizeof(text), "%s", response->status->message);
    } else {
        (void)snprintf(text, sizeof(text), "%.*s", (int)response->payload.len,
                       response->payload.data ? (const char *)response->payload.data : "");
    }
    (void)message_free(message);
    if (ret_text) {
        *ret_text = text;
    }
    return code;
}
