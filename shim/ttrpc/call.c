/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call belongs to the method that holds it; the set of its connection only knows it, so that
 * both can end in either order. What a call answers after its set is gone is dropped.
 */
#include "shim/ttrpc/call.h"

#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "shim/ttrpc/conn.h"
#include "shim/ttrpc/message.h"
#include "shim/ttrpc/server.h"
#include "shim/ttrpc/status.h"

struct ttrpc_call {
    TAILQ_ENTRY(ttrpc_call) link;
    struct call_set *set; /* NULL once the connection has ended */
    const struct ttrpc_method *method;
    Ttrpc__Request *request;
    uint64_t deadline_ns;
    uint32_t stream;
    void (*gone)(void *owner, struct ttrpc_call *call);
    void *gone_owner;
};

void call_set_init(struct call_set *set, struct conn *conn, size_t *total)
{
    *set = (struct call_set){.conn = conn, .total = total};
    TAILQ_INIT(&set->calls);
}

static void call_detach(struct ttrpc_call *call)
{
    struct call_set *set = call->set;

    if (set) {
        TAILQ_REMOVE(&set->calls, call, link);
        set->count--;
        (*set->total)--;
        call->set = NULL;
    }
}

/* Nobody waits for it any more. */
static void call_lose(struct ttrpc_call *call)
{
    call_detach(call);
    if (call->gone) {
        call->gone(call->gone_owner, call);
    }
}

void call_set_fini(struct call_set *set)
{
    /* One at a time, because a method may end any call while it is told. */
    while (!TAILQ_EMPTY(&set->calls)) {
        call_lose(TAILQ_FIRST(&set->calls));
    }
}

void call_set_drop(struct call_set *set, uint32_t stream)
{
    struct ttrpc_call *call = NULL;

    TAILQ_FOREACH(call, &set->calls, link) {
        if (call->stream == stream) {
            call_lose(call);
            return;
        }
    }
}

static uint64_t deadline_of(int64_t timeout_ns)
{
    return timeout_ns > 0 ? clock_now_ns() + (uint64_t)timeout_ns : 0; /* both below 2^63 */
}

own struct ttrpc_call *call_new(struct call_set *set, const struct ttrpc_method *method,
                                uint32_t stream, own Ttrpc__Request *request)
{
    struct ttrpc_call *call = NEW(struct ttrpc_call);

    call->set = set;
    call->method = method;
    call->request = request;
    call->stream = stream;
    call->deadline_ns = deadline_of(request->timeout_nano);
    TAILQ_INSERT_TAIL(&set->calls, call, link);
    set->count++;
    (*set->total)++;
    return call;
}

static void respond(struct conn *conn, uint32_t stream, struct text payload)
{
    conn_send(conn, &(struct frame){.stream = stream, .type = FRAME_RESPONSE, .body = payload});
}

void call_respond_fault(struct conn *conn, uint32_t stream, const struct fault *why)
{
    char text[STATUS_TEXT_MAX];
    uint8_t room[STATUS_TEXT_MAX + 64];
    Ttrpc__Status status = TTRPC__STATUS__INIT;
    Ttrpc__Response response = TTRPC__RESPONSE__INIT;
    size_t length;

    status_text(why, text);
    status.code = fault_grpc(why->kind);
    status.message = text;
    response.status = &status;
    length = ttrpc__response__pack(&response, room);
    respond(conn, stream, (struct text){(const char *)room, length});
}

static void call_end(own struct ttrpc_call *call)
{
    call_detach(call);
    ttrpc__request__free_unpacked(call->request, NULL);
    free(call);
}

void ttrpc_answer(own struct ttrpc_call *call, struct text bytes)
{
    struct buf body = BUF(FRAME_BODY_MAX);
    Ttrpc__Response response = TTRPC__RESPONSE__INIT;
    struct fault why = {0};

    if (call->set) {
        response.payload.len = bytes.length;
        response.payload.data = (uint8_t *)(uintptr_t)bytes.at;
        message_pack(&response.base, &body);
        if (buf_check(&body, "the answer", &why) < 0) {
            call_respond_fault(call->set->conn, call->stream, &why);
        } else {
            respond(call->set->conn, call->stream,
                    (struct text){(const char *)body.data, body.length});
        }
        buf_fini(&body);
    }
    call_end(call);
}

void ttrpc_answer_message(own struct ttrpc_call *call, const ProtobufCMessage *message)
{
    struct buf payload = BUF(FRAME_BODY_MAX);
    struct fault why = {0};

    if (message) {
        message_pack(message, &payload);
    }
    if (buf_check(&payload, "the answer", &why) < 0) {
        ttrpc_refuse(call, &why);
    } else {
        ttrpc_answer(call, (struct text){(const char *)payload.data, payload.length});
    }
    buf_fini(&payload);
}

void ttrpc_refuse(own struct ttrpc_call *call, const struct fault *why)
{
    if (call->set) {
        call_respond_fault(call->set->conn, call->stream, why);
    }
    call_end(call);
}

struct text ttrpc_payload(const struct ttrpc_call *call)
{
    return (struct text){(const char *)call->request->payload.data, call->request->payload.len};
}

const struct ttrpc_method *ttrpc_call_method(const struct ttrpc_call *call)
{
    return call->method;
}

const char *ttrpc_namespace(const struct ttrpc_call *call)
{
    const Ttrpc__Request *request = call->request;

    for (size_t i = 0; i < request->n_metadata; i++) {
        if (strcmp(request->metadata[i]->key, "containerd-namespace-ttrpc") == 0) {
            return request->metadata[i]->value;
        }
    }
    return "";
}

uint64_t ttrpc_deadline_ns(const struct ttrpc_call *call)
{
    return call->deadline_ns;
}

int ttrpc_unpack(const struct ttrpc_call *call, const ProtobufCMessageDescriptor *type,
                 own ProtobufCMessage **ret, struct fault *why)
{
    return message_unpack(type, ttrpc_payload(call), ret, why);
}

void ttrpc_on_gone(struct ttrpc_call *call, void (*fn)(void *owner, struct ttrpc_call *call),
                   void *owner)
{
    call->gone = fn;
    call->gone_owner = owner;
}

bool ttrpc_is_gone(const struct ttrpc_call *call)
{
    return !call->set;
}
