/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server -> peers -> calls. A peer is one accepted connection; it owns none of its calls: those
 * belong to the methods that hold them. When a peer ends, its calls only lose sight of it, and
 * whatever they answer then is dropped.
 */
#include "shim/ttrpc/server.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/ttrpc/call.h"
#include "shim/ttrpc/conn.h"
#include "shim/ttrpc/message.h"

enum { ACCEPT_AGAIN_MS = 100 /* after descriptors ran out */ };

TAILQ_HEAD(peers, peer);

struct ttrpc_server {
    struct loop *loop;
    int listener;
    struct loop_io *io;
    struct loop_timer *again;
    const struct ttrpc_method *methods;
    void *owner;
    struct peers peers;
    size_t peers_count;
    size_t calls_count;
};

struct peer {
    TAILQ_ENTRY(peer) link;
    struct ttrpc_server *server;
    struct conn *conn;
    struct call_set calls;
    uint32_t last_stream;
};

/* ---- requests ---- */

static const struct ttrpc_method *method_find(const struct ttrpc_server *server,
                                              const Ttrpc__Request *request, struct fault *why)
{
    bool service = false;

    /* Names of methods differ in their first bytes, those of services only near their end. */
    for (const struct ttrpc_method *each = server->methods; each->service; each++) {
        if (strcmp(each->method, request->method) == 0 &&
            strcmp(each->service, request->service) == 0) {
            return each;
        }
    }
    for (const struct ttrpc_method *each = server->methods; each->service && !service; each++) {
        service = strcmp(each->service, request->service) == 0;
    }
    (void)fault(why, FAULT_UNSUPPORTED, "%s %.200s", service ? "method" : "service",
                service ? request->method : request->service);
    return NULL;
}

/* Checks of containerd/ttrpc server.go, in its order. Return: 0 or negative, with the status. */
static int request_check(struct peer *peer, const struct frame *frame, struct fault *why)
{
    if (frame->stream % 2 != 1) {
        return fault(why, FAULT_INVALID, "StreamID must be odd for client initiated streams");
    }
    if (frame->stream <= peer->last_stream) {
        return fault(why, FAULT_INVALID, "StreamID cannot be re-used and must increment");
    }
    peer->last_stream = frame->stream;
    if ((frame->flags & FRAME_REMOTE_OPEN) != 0) {
        return fault(why, FAULT_UNSUPPORTED, "streaming requests");
    }
    if (peer->calls.count >= TTRPC_CALLS_MAX) {
        return fault(why, FAULT_LIMIT, "%d calls of this connection are not answered yet",
                     TTRPC_CALLS_MAX);
    }
    return 0;
}

static int request_read(struct peer *peer, const struct frame *frame, Ttrpc__Request **ret,
                        struct fault *why)
{
    ProtobufCMessage *message = NULL;

    TRY(request_check(peer, frame, why));
    if (message_unpack(&ttrpc__request__descriptor, frame->body, &message, why) < 0) {
        why->kind = why->kind == FAULT_INTERNAL ? FAULT_INVALID : why->kind;
        return -1;
    }
    *ret = (Ttrpc__Request *)(void *)message;
    return 0;
}

static void request_came(struct peer *peer, const struct frame *frame)
{
    struct ttrpc_server *server = peer->server;
    const struct ttrpc_method *method = NULL;
    Ttrpc__Request *request = NULL;
    struct fault why = {0};

    if (request_read(peer, frame, &request, &why) < 0) {
        call_respond_fault(peer->conn, frame->stream, &why);
        return;
    }
    method = method_find(server, request, &why);
    if (!method) {
        call_respond_fault(peer->conn, frame->stream, &why);
        ttrpc__request__free_unpacked(request, NULL);
        return;
    }
    /* Last: the method may free the server. */
    method->fn(server->owner, call_new(&peer->calls, method, frame->stream, request));
}

/* Only unary methods exist here, so no stream expects data. */
static void data_came(struct peer *peer, const struct frame *frame)
{
    struct fault why = {0};

    (void)fault(&why, FAULT_INVALID, "StreamID %u is not open for data", frame->stream);
    call_respond_fault(peer->conn, frame->stream, &why);
    call_set_drop(&peer->calls, frame->stream);
}

static void peer_frame(void *owner, const struct frame *frame)
{
    if (frame->type == FRAME_REQUEST) {
        request_came(owner, frame);
    } else if (frame->type == FRAME_DATA) {
        data_came(owner, frame);
    }
}

static void peer_too_long(void *owner, const struct frame *frame)
{
    struct peer *peer = owner;
    struct fault why = {0};

    (void)fault(&why, FAULT_LIMIT, "a message of %u bytes is larger than %d bytes", frame->length,
                FRAME_BODY_MAX);
    call_respond_fault(peer->conn, frame->stream, &why);
}

/* ---- peers ---- */

static void peer_free(own struct peer *peer)
{
    struct ttrpc_server *server = peer->server;

    TAILQ_REMOVE(&server->peers, peer, link);
    server->peers_count--;
    peer->conn = conn_free(peer->conn);
    call_set_fini(&peer->calls);
    free(peer);
}

static void peer_end(void *owner, const struct fault *why)
{
    (void)why;
    peer_free(owner);
}

static const struct conn_events peer_events = {peer_frame, peer_too_long, peer_end};

static void peer_new(struct ttrpc_server *server, own int socket)
{
    struct peer *peer = NULL;
    uint32_t uid = 0;
    int pid = 0;

    if (fd_peer(socket, &pid, &uid) < 0 || (uid != 0 && uid != geteuid()) ||
        server->peers_count >= TTRPC_CONNECTIONS_MAX) {
        (void)fd_close(socket);
        return;
    }
    peer = NEW(struct peer);
    peer->server = server;
    TAILQ_INSERT_TAIL(&server->peers, peer, link);
    server->peers_count++;
    peer->conn = conn_new(server->loop, socket, &peer_events, peer);
    call_set_init(&peer->calls, peer->conn, &server->calls_count);
    if (!peer->conn) {
        peer_free(peer);
    }
}

static void listener_ready(void *owner, unsigned events)
{
    struct ttrpc_server *server = owner;

    (void)events;
    for (;;) {
        int socket = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (socket >= 0) {
            peer_new(server, socket);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            /* The listener stays readable: rest, or the loop would spin. */
            loop_io_want(server->io, 0);
            loop_timer_set(server->again, ACCEPT_AGAIN_MS * NS_PER_MS);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void accept_again(void *owner)
{
    struct ttrpc_server *server = owner;

    loop_io_want(server->io, LOOP_READ);
}

int ttrpc_server_new(struct loop *loop, int listener, const struct ttrpc_method *methods,
                     void *owner, own struct ttrpc_server **ret, struct fault *why)
{
    struct ttrpc_server *server = NULL;
    int done = fd_set_nonblocking(listener, true);

    if (done < 0) {
        return fault_sys(why, done, "serve the task socket");
    }
    server = NEW(struct ttrpc_server);
    server->loop = loop;
    server->listener = -1;
    server->methods = methods;
    server->owner = owner;
    TAILQ_INIT(&server->peers);
    server->again = loop_timer_new(loop, accept_again, server);
    server->io = loop_watch(loop, listener, LOOP_READ, listener_ready, server);
    if (!server->io) {
        (void)ttrpc_server_free(server);
        return fault(why, FAULT_SYSTEM, "the task socket cannot be waited for");
    }
    server->listener = listener;
    *ret = server;
    return 0;
}

struct ttrpc_server *ttrpc_server_free(own struct ttrpc_server *server)
{
    struct peer *peer = NULL;

    if (!server) {
        return NULL;
    }
    while ((peer = TAILQ_FIRST(&server->peers)) != NULL) {
        peer_free(peer);
    }
    server->io = loop_io_close(server->io);
    server->again = loop_timer_free(server->again);
    server->listener = fd_close(server->listener);
    free(server);
    return NULL;
}

size_t ttrpc_server_connections(const struct ttrpc_server *server)
{
    return server->peers_count;
}

size_t ttrpc_server_calls(const struct ttrpc_server *server)
{
    return server->calls_count;
}
