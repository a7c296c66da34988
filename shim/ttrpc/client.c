/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls wait in the order in which they were made. One timer serves them all: it is set to the
 * nearest deadline. A call that cannot be sent gets a deadline of now and keeps its reason, so
 * that every end is told from the loop.
 */
#include "shim/ttrpc/client.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/ttrpc/conn.h"
#include "shim/ttrpc/message.h"
#include "shim/ttrpc/status.h"

struct pending {
    TAILQ_ENTRY(pending) link;
    ttrpc_reply_fn *fn;
    void *owner;
    uint64_t deadline_ns;
    uint32_t stream; /* 0: never sent */
    struct fault failed; /* FAULT_NONE while nothing is known */
};

struct ttrpc_client {
    struct loop *loop;
    struct sockaddr_un at;
    struct conn *conn; /* NULL while there is none */
    struct loop_timer *timer;
    TAILQ_HEAD(pendings, pending) pendings;
    size_t pendings_count;
    uint32_t last_stream;
    bool telling; /* a reply function runs */
    bool freed;   /* by it */
};

static struct pending *pending_free(struct ttrpc_client *client, own struct pending *pending)
{
    TAILQ_REMOVE(&client->pendings, pending, link);
    client->pendings_count--;
    free(pending);
    return NULL;
}

static void client_destroy(struct ttrpc_client *client)
{
    client->conn = conn_free(client->conn);
    client->timer = loop_timer_free(client->timer);
    while (!TAILQ_EMPTY(&client->pendings)) {
        (void)pending_free(client, TAILQ_FIRST(&client->pendings));
    }
    free(client);
}

/* Return: whether the client still lives. */
static bool client_tell(struct ttrpc_client *client, struct pending *pending, struct text payload)
{
    ttrpc_reply_fn *fn = pending->fn;
    void *owner = pending->owner;
    struct fault failed = pending->failed;

    (void)pending_free(client, pending);
    client->telling = true;
    fn(owner, payload, failed.kind == FAULT_NONE ? NULL : &failed);
    client->telling = false;
    if (client->freed) {
        client_destroy(client);
        return false;
    }
    return true;
}

static void client_set_timer(struct ttrpc_client *client)
{
    uint64_t now = clock_now_ns();
    uint64_t nearest = UINT64_MAX;
    struct pending *pending = NULL;

    TAILQ_FOREACH(pending, &client->pendings, link) {
        nearest = pending->deadline_ns < nearest ? pending->deadline_ns : nearest;
    }
    if (nearest == UINT64_MAX) {
        loop_timer_stop(client->timer);
    } else {
        loop_timer_set(client->timer, nearest > now ? nearest - now : 0);
    }
}

/* One that is due, or NULL. */
static struct pending *pending_due(struct ttrpc_client *client, uint64_t now)
{
    struct pending *pending = NULL;

    TAILQ_FOREACH(pending, &client->pendings, link) {
        if (pending->deadline_ns <= now) {
            return pending;
        }
    }
    return NULL;
}

static void client_due(void *owner)
{
    struct ttrpc_client *client = owner;
    uint64_t now = clock_now_ns();
    struct pending *pending = NULL;

    while ((pending = pending_due(client, now)) != NULL) {
        if (pending->failed.kind == FAULT_NONE) {
            (void)fault(&pending->failed, FAULT_TIMEOUT, "%s has not answered in time",
                        client->at.sun_path);
        }
        if (!client_tell(client, pending, (struct text){0})) {
            return;
        }
    }
    client_set_timer(client);
}

/* What waits on a connection that ended is told in the next turn. */
static void client_lose(struct ttrpc_client *client, const struct fault *why)
{
    struct pending *pending = NULL;

    client->conn = conn_free(client->conn);
    client->last_stream = 0;
    TAILQ_FOREACH(pending, &client->pendings, link) {
        if (pending->failed.kind == FAULT_NONE) {
            pending->failed = *why;
            pending->deadline_ns = 0;
        }
    }
    client_set_timer(client);
}

static void client_end(void *owner, const struct fault *why)
{
    struct ttrpc_client *client = owner;
    struct fault lost = *why;

    lost.kind = FAULT_UNAVAILABLE;
    (void)fault_while(&lost, "call %s", client->at.sun_path);
    client_lose(client, &lost);
}

static struct pending *pending_find(struct ttrpc_client *client, uint32_t stream)
{
    struct pending *pending = NULL;

    TAILQ_FOREACH(pending, &client->pendings, link) {
        if (pending->stream == stream && pending->failed.kind == FAULT_NONE) {
            return pending;
        }
    }
    return NULL; /* given up already */
}

static void client_frame(void *owner, const struct frame *frame)
{
    struct ttrpc_client *client = owner;
    struct pending *pending = pending_find(client, frame->stream);
    ProtobufCMessage *message = NULL;
    Ttrpc__Response *response = NULL;
    struct text payload = {0};

    if (!pending || frame->type != FRAME_RESPONSE) {
        return;
    }
    if (message_unpack(&ttrpc__response__descriptor, frame->body, &message, &pending->failed) == 0) {
        response = (Ttrpc__Response *)(void *)message;
        payload = (struct text){(const char *)response->payload.data, response->payload.len};
        if (response->status && response->status->code != 0) {
            status_fault(response->status->code, response->status->message, &pending->failed);
            payload = (struct text){0};
        }
    }
    (void)client_tell(client, pending, payload);
    (void)message_free(message);
}

static void client_too_long(void *owner, const struct frame *frame)
{
    struct ttrpc_client *client = owner;
    struct pending *pending = pending_find(client, frame->stream);

    if (pending && frame->type == FRAME_RESPONSE) {
        (void)fault(&pending->failed, FAULT_LIMIT, "an answer of %u bytes is larger than %d bytes",
                    frame->length, FRAME_BODY_MAX);
        (void)client_tell(client, pending, (struct text){0});
    }
}

static const struct conn_events client_events = {client_frame, client_too_long, client_end};

static int client_connect(struct ttrpc_client *client, struct fault *why)
{
    AUTO(fd_close) int socket_fd = -1;

    if (client->conn) {
        return 0;
    }
    socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_fd < 0) {
        return fault_sys(why, -errno, "make a socket");
    }
    /* A unix socket connects at once or not at all (EAGAIN: the backlog is full). */
    if (connect(socket_fd, (const struct sockaddr *)(const void *)&client->at,
                sizeof(client->at)) < 0) {
        (void)fault_sys(why, -errno, "connect to %s", client->at.sun_path);
        why->kind = FAULT_UNAVAILABLE;
        return -1;
    }
    client->conn = conn_new(client->loop, TAKE_FD(socket_fd), &client_events, client);
    if (!client->conn) {
        return fault(why, FAULT_SYSTEM, "%s cannot be waited for", client->at.sun_path);
    }
    return 0;
}

static void request_pack(const struct ttrpc_request *request, struct buf *ret)
{
    struct buf payload = BUF(FRAME_BODY_MAX);
    Ttrpc__Request message = TTRPC__REQUEST__INIT;
    Ttrpc__KeyValue pair = TTRPC__KEY_VALUE__INIT;
    Ttrpc__KeyValue *pairs[] = {&pair};

    pair.key = (char *)(uintptr_t)"containerd-namespace-ttrpc";
    pair.value = (char *)(uintptr_t)request->namespace_id;
    message.service = (char *)(uintptr_t)request->service;
    message.method = (char *)(uintptr_t)request->method;
    message.timeout_nano = (int64_t)(request->timeout_ns & INT64_MAX);
    message.metadata = pairs;
    message.n_metadata = request->namespace_id ? 1 : 0;
    if (request->message) {
        message_pack(request->message, &payload);
    }
    message.payload.data = payload.data;
    message.payload.len = payload.length;
    message_pack(&message.base, ret);
    ret->overflow = ret->overflow || payload.overflow;
    buf_fini(&payload);
}

static int request_send(struct ttrpc_client *client, const struct ttrpc_request *request,
                        uint32_t *ret_stream, struct fault *why)
{
    struct buf body = BUF(FRAME_BODY_MAX);
    int done;

    if (client->pendings_count >= TTRPC_CLIENT_CALLS_MAX) {
        return fault(why, FAULT_LIMIT, "%d calls to %s are not answered yet",
                     TTRPC_CLIENT_CALLS_MAX, client->at.sun_path);
    }
    if (client->last_stream > UINT32_MAX - 2) {
        client_lose(client, &(struct fault){.kind = FAULT_UNAVAILABLE,
                                            .text = "the connection has no stream ids left"});
    }
    TRY(client_connect(client, why));
    request_pack(request, &body);
    done = buf_check(&body, "a request", why);
    if (done == 0) {
        client->last_stream += client->last_stream == 0 ? 1 : 2;
        *ret_stream = client->last_stream;
        conn_send(client->conn, &(struct frame){.stream = client->last_stream,
                                                .type = FRAME_REQUEST,
                                                .body = {(const char *)body.data, body.length}});
    }
    buf_fini(&body);
    return done;
}

void ttrpc_client_call(struct ttrpc_client *client, const struct ttrpc_request *request,
                       ttrpc_reply_fn *fn, void *owner)
{
    struct pending *pending = NEW(struct pending);

    pending->fn = fn;
    pending->owner = owner;
    if (request_send(client, request, &pending->stream, &pending->failed) == 0) {
        pending->deadline_ns = clock_now_ns() + request->timeout_ns;
    }
    TAILQ_INSERT_TAIL(&client->pendings, pending, link);
    client->pendings_count++;
    client_set_timer(client);
}

int ttrpc_client_new(struct loop *loop, const char *path, own struct ttrpc_client **ret,
                     struct fault *why)
{
    struct ttrpc_client *client = NULL;
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof(client->at.sun_path)) {
        return fault(why, FAULT_LIMIT, "a socket's path has 1 to %zu bytes, not %zu: %.200s",
                     sizeof(client->at.sun_path) - 1, length, path);
    }
    client = NEW(struct ttrpc_client);
    client->loop = loop;
    client->at.sun_family = AF_UNIX;
    memcpy(client->at.sun_path, path, length);
    client->timer = loop_timer_new(loop, client_due, client);
    TAILQ_INIT(&client->pendings);
    *ret = client;
    return 0;
}

struct ttrpc_client *ttrpc_client_free(own struct ttrpc_client *client)
{
    if (client && client->telling) {
        client->freed = true;
    } else if (client) {
        client_destroy(client);
    }
    return NULL;
}
