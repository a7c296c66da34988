/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole server against any bytes of a client: it answers every stream at most once, with a
 * response each, and stays alive for the next connection.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "shim/ttrpc/conn.h"
#include "shim/ttrpc/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct client {
    struct loop *loop;
    const uint8_t *at;
    size_t left;
    int socket;
    struct loop_io *io;
    struct ttrpc_call *held; /* a call that is answered after the next one came */
    struct buf answers;
};

static void answer_held(struct client *client)
{
    struct ttrpc_call *call = client->held;

    client->held = NULL;
    if (call) {
        ttrpc_answer(call, ttrpc_payload(call));
    }
}

static void hold(void *owner, own struct ttrpc_call *call)
{
    struct client *client = *(struct client **)owner;

    answer_held(client);
    client->held = call;
}

static void refuse(void *owner, own struct ttrpc_call *call)
{
    struct fault why = {0};

    (void)owner;
    (void)fault(&why, FAULT_NOT_FOUND, "%s of %s", ttrpc_call_method(call)->method,
                ttrpc_namespace(call));
    ttrpc_refuse(call, &why);
}

static const struct ttrpc_method methods[] = {
    {"s", "Hold", hold},
    {"s", "Refuse", refuse},
    {NULL, NULL, NULL},
};

/* Sends what is left, then closes its side, then reads until the server is done with it. */
static void client_ready(void *owner, unsigned events)
{
    struct client *client = owner;
    ssize_t moved;

    if ((events & LOOP_WRITE) != 0 && client->left > 0) {
        moved = send(client->socket, client->at, client->left, MSG_NOSIGNAL | MSG_DONTWAIT);
        client->at += moved > 0 ? moved : 0;
        client->left -= moved > 0 ? (size_t)moved : 0;
    }
    if (client->left == 0) {
        (void)shutdown(client->socket, SHUT_WR);
        loop_io_want(client->io, LOOP_READ);
    }
    if ((events & LOOP_READ) != 0) {
        uint8_t *room = buf_reserve(&client->answers, 65536);

        moved = room ? recv(client->socket, room, 65536, MSG_DONTWAIT) : 0;
        client->answers.length += moved > 0 ? (size_t)moved : 0;
        if (moved == 0) {
            loop_stop(client->loop);
        }
    }
}

static void check_answers(const struct buf *answers)
{
    struct cursor in = cursor_over(answers->data, answers->length);
    enum frame_answer answer = FRAME_READY;
    struct frame frame;

    while (answer == FRAME_READY && cursor_left(&in) > 0) {
        answer = frame_read(&in, &frame);
        assert(answer != FRAME_TOO_LONG);
        assert(answer == FRAME_PARTIAL || (frame.type == FRAME_RESPONSE && frame.flags == 0));
    }
}

/* One server for all inputs, at an address that the kernel chooses. */
static struct loop *serve_once(struct client *client, struct ttrpc_server **ret,
                               struct sockaddr_un *ret_at, socklen_t *ret_length)
{
    static struct loop *loop;
    static struct ttrpc_server *server;
    static struct sockaddr_un at;
    static socklen_t length;
    static struct client *current;
    struct fault why = {0};

    if (!loop) {
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr *name = (struct sockaddr *)(void *)&at;

        at.sun_family = AF_UNIX;
        length = sizeof(at);
        if (loop_new(&loop, &why) < 0 || bind(listener, name, sizeof(sa_family_t)) < 0 ||
            getsockname(listener, name, &length) < 0 || listen(listener, 16) < 0 ||
            ttrpc_server_new(loop, listener, methods, &current, &server, &why) < 0) {
            abort();
        }
    }
    current = client;
    client->loop = loop;
    *ret = server;
    *ret_at = at;
    *ret_length = length;
    return loop;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client client = {.at = data, .left = size, .answers = BUF(64U << 20)};
    struct ttrpc_server *server = NULL;
    struct sockaddr_un at;
    socklen_t length = 0;
    struct loop *loop = serve_once(&client, &server, &at, &length);

    client.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(client.socket, (const struct sockaddr *)(const void *)&at, length) < 0) {
        abort();
    }
    client.io = loop_watch(loop, client.socket, LOOP_READ | LOOP_WRITE, client_ready, &client);
    loop_run(loop);
    assert(ttrpc_server_connections(server) == 0 && ttrpc_server_calls(server) == 0);
    answer_held(&client); /* of a connection that is gone */
    check_answers(&client.answers);
    client.io = loop_io_close(client.io);
    (void)fd_close(client.socket);
    buf_fini(&client.answers);
    return 0;
}
