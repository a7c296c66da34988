/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of one connection: inner side of server.h, for the files of this room.
 *
 * Belongs here: calls that wait for their answer, and the answers' way out.
 * Does not belong here: sockets (conn), who may call what (server).
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdint.h>

#include "base/attr.h"
#include "shim/proto/ttrpc.pb-c.h"

struct conn;
struct fault;
struct ttrpc_call;
struct ttrpc_method;

struct call_set {
    struct conn *conn;
    TAILQ_HEAD(calls, ttrpc_call) calls;
    size_t count;
    size_t *total; /* of the server */
};

/* Both are borrowed and outlive the set. */
void call_set_init(struct call_set *set, struct conn *conn, size_t *total);

/* The connection ends: calls lose sight of it, and those who asked (ttrpc_on_gone()) are told. */
void call_set_fini(struct call_set *set);

/* The same for one stream, if a call of it waits. */
void call_set_drop(struct call_set *set, uint32_t stream);

/**
 * call_new() - a call that waits
 * @set:     its connection's
 * @method:  borrowed, static
 * @stream:  where its answer goes
 * @request: passes to the call
 *
 * Return: the call, to be ended by an answer or a refusal.
 */
own struct ttrpc_call *call_new(struct call_set *set, const struct ttrpc_method *method,
                                uint32_t stream, own Ttrpc__Request *request) MUST_USE;

/* Answer a stream that never became a call. */
void call_respond_fault(struct conn *conn, uint32_t stream, const struct fault *why);
