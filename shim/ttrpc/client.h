/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ttrpc client: calls to somebody else's unix socket (containerd's events).
 *
 * Belongs here: one connection, made when it is needed and made anew when it broke; odd stream
 * ids; time-outs. Does not belong here: repeating a call that failed (its caller knows whether).
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "base/bytes.h"

struct fault;
struct loop;
struct ttrpc_client;

enum { TTRPC_CLIENT_CALLS_MAX = 1024 };

/**
 * ttrpc_reply_fn - how a call ended
 * @owner:   as given to ttrpc_client_call()
 * @payload: the answer's bytes, borrowed; empty when it @failed
 * @failed:  NULL; or the server's status; or FAULT_UNAVAILABLE (no connection, or it broke before
 *           the answer), FAULT_TIMEOUT, FAULT_LIMIT
 */
typedef void ttrpc_reply_fn(void *owner, struct text payload, const struct fault *failed);

struct ttrpc_request {
    const char *service;
    const char *method;
    const ProtobufCMessage *message; /* the payload; NULL for none */
    const char *namespace_id;        /* metadata; NULL for none */
    uint64_t timeout_ns;             /* at least 1 ms */
};

/**
 * ttrpc_client_new() - a client; connects at its first call
 * @loop: borrowed, must outlive it
 * @path: socket, absolute, at most 107 bytes; copied
 * @ret:  the client
 * @why:  the path is too long
 *
 * Return: 0 or negative.
 */
int ttrpc_client_new(struct loop *loop, const char *path, own struct ttrpc_client **ret,
                     struct fault *why) MUST_USE;

/* Forgets its calls without telling anybody. */
struct ttrpc_client *ttrpc_client_free(own struct ttrpc_client *client);
DEFINE_AUTO(struct ttrpc_client *, ttrpc_client_free)

/**
 * ttrpc_client_call() - one unary call
 * @client:  the client
 * @request: borrowed for the call
 * @fn:      told once how it ended, never from inside this function; may free the client
 * @owner:   for @fn
 *
 * At most TTRPC_CLIENT_CALLS_MAX wait at a time; one more ends with FAULT_LIMIT.
 */
void ttrpc_client_call(struct ttrpc_client *client, const struct ttrpc_request *request,
                       ttrpc_reply_fn *fn, void *owner);
