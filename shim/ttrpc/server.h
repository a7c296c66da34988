/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ttrpc server: a listening unix socket, its connections, and the calls that wait on them.
 *
 * Belongs here: who may connect, stream ids, dispatch by table, answers in any order.
 * Does not belong here: what a method does (shim/task, shim/pod).
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct fault;
struct loop;
struct ttrpc_call;
struct ttrpc_server;

enum {
    TTRPC_BACKLOG = 4096,        /* after a restart containerd dials once for each bundle */
    TTRPC_CALLS_MAX = 4096,      /* unanswered, of one connection; more are ResourceExhausted */
    TTRPC_CONNECTIONS_MAX = 65536,
};

/**
 * ttrpc_fn - one method
 * @owner: as given to ttrpc_server_new()
 * @call:  now the method's: it must end in exactly one ttrpc_answer*() or ttrpc_refuse(), from
 *         inside this function or from any later turn of the loop
 */
typedef void ttrpc_fn(void *owner, own struct ttrpc_call *call);

/* One row of the dispatch table: full service name ("containerd.task.v3.Task"), bare method. */
struct ttrpc_method {
    const char *service;
    const char *method;
    ttrpc_fn *fn;
};

/**
 * ttrpc_listen() - a listening socket at a path, mode 0600
 * @path: absolute, at most 107 bytes; a file of a dead listener is replaced
 * @ret:  descriptor, for ttrpc_server_new()
 * @why:  FAULT_EXISTS when somebody answers there, or why it cannot be made
 *
 * Two callers for one path must be kept apart by a lock of theirs.
 *
 * Return: 0 or negative.
 */
int ttrpc_listen(const char *path, int *ret, struct fault *why) MUST_USE;

/**
 * ttrpc_server_new() - serve a listening socket
 * @loop:     borrowed, must outlive it
 * @listener: passes to the server on success
 * @methods:  table, ended by a row of NULL; borrowed, usually static
 * @owner:    for the methods
 * @ret:      the server
 * @why:      the reason
 *
 * Peers are user 0 and our own user; others are closed without a word.
 *
 * Return: 0 or negative.
 */
int ttrpc_server_new(struct loop *loop, int listener, const struct ttrpc_method *methods,
                     void *owner, own struct ttrpc_server **ret, struct fault *why) MUST_USE;

/* Closes all connections; calls that are still held stay valid and must still be ended. */
struct ttrpc_server *ttrpc_server_free(own struct ttrpc_server *server);
DEFINE_AUTO(struct ttrpc_server *, ttrpc_server_free)

/* How many connections are open, and how many calls of them wait for their answer. */
size_t ttrpc_server_connections(const struct ttrpc_server *server);
size_t ttrpc_server_calls(const struct ttrpc_server *server);

/* What a call says; texts and bytes are borrowed from it until it is ended. */
struct text ttrpc_payload(const struct ttrpc_call *call);
const struct ttrpc_method *ttrpc_call_method(const struct ttrpc_call *call);
/* Metadata "containerd-namespace-ttrpc"; "" when there is none. Not checked to be an identifier. */
const char *ttrpc_namespace(const struct ttrpc_call *call);
/* When the caller gives up, in CLOCK_MONOTONIC nanoseconds; 0 for never. */
uint64_t ttrpc_deadline_ns(const struct ttrpc_call *call);

/**
 * ttrpc_unpack() - the payload as a message
 * @call: the call
 * @type: descriptor of the generated message
 * @ret:  for message_free()
 * @why:  as message_unpack()
 *
 * Return: 0 or negative.
 */
int ttrpc_unpack(const struct ttrpc_call *call, const ProtobufCMessageDescriptor *type,
                 own ProtobufCMessage **ret, struct fault *why) MUST_USE;

/**
 * ttrpc_on_gone() - learn that nobody waits for a call any more, because its connection ended
 * @call:  the call, which must still be ended
 * @fn:    called at most once, never after the call was ended; NULL for none
 * @owner: for @fn
 */
void ttrpc_on_gone(struct ttrpc_call *call, void (*fn)(void *owner, struct ttrpc_call *call),
                   void *owner);
bool ttrpc_is_gone(const struct ttrpc_call *call);

/**
 * ttrpc_answer() - end a call with success
 * @call:  freed; harmless when its connection is gone
 * @bytes: the packed message; none for Empty; more than a frame holds becomes ResourceExhausted
 */
void ttrpc_answer(own struct ttrpc_call *call, struct text bytes);
/* The same with a message that is still to be packed; NULL for Empty. */
void ttrpc_answer_message(own struct ttrpc_call *call, const ProtobufCMessage *message);
/* End a call with a failure; @why stays the caller's. */
void ttrpc_refuse(own struct ttrpc_call *call, const struct fault *why);
