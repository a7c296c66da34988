/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection: frames in and out of one stream socket, on the loop.
 *
 * Belongs here: partial reads, throwing away bodies that are too long, the queue of what the peer
 * has not read yet, with its ceiling, and back-pressure: while much is queued nothing more is read.
 * Does not belong here: stream ids, calls and answers (server, client).
 */
#pragma once

#include <stdint.h>

#include "shim/ttrpc/frame.h"

struct conn;
struct fault;
struct loop;

enum {
    CONN_QUEUE_PAUSE = 1024 * 1024,    /* from here on the peer is not read */
    CONN_QUEUE_MAX = 16 * 1024 * 1024, /* a peer that leaves so much unread is cut off */
};

/* Each may free the connection. */
struct conn_events {
    /* One frame; its body is borrowed until the return. */
    void (*on_frame)(void *owner, const struct frame *frame);
    /* A frame whose body passes FRAME_BODY_MAX: the body is thrown away as it comes. */
    void (*on_too_long)(void *owner, const struct frame *frame);
    /* Once: the peer closed (FAULT_UNAVAILABLE) or broke; the connection is of no more use. */
    void (*on_end)(void *owner, const struct fault *why);
};

/**
 * conn_new() - a connection over a connected socket
 * @loop:   borrowed, must outlive it
 * @socket: SOCK_STREAM; passes to the connection, which makes it non-blocking
 * @events: borrowed, usually static
 * @owner:  for @events
 *
 * Return: the connection; NULL when the socket cannot be waited for (it is closed then).
 */
own struct conn *conn_new(struct loop *loop, int socket, const struct conn_events *events,
                          void *owner) MUST_USE;

/* Closes at once; what is queued is lost. May be called from its own events. */
struct conn *conn_free(own struct conn *conn);
DEFINE_AUTO(struct conn *, conn_free)

/**
 * conn_send() - queue one frame, and write what the socket takes
 * @conn:  the connection
 * @frame: its body is copied
 *
 * Never fails to the caller: a broken peer, or one that passes CONN_QUEUE_MAX, is told of by
 * on_end in a later turn of the loop.
 */
void conn_send(struct conn *conn, const struct frame *frame);

/**
 * conn_queued() - how much the peer has not taken yet
 * @conn: the connection
 *
 * Return: bytes.
 */
size_t conn_queued(const struct conn *conn);
