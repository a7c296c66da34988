/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer that speaks raw bytes: sends what it is told, collects what comes, on the loop of the test,
 * so that every wait is for an event and has a deadline.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "shim/ttrpc/frame.h"

struct loop;
struct loop_io;
struct loop_timer;

enum { RAW_FRAMES_MAX = 8192 };

struct raw_peer {
    struct loop *loop;
    struct loop_io *io;
    struct loop_timer *timer;
    int socket;
    struct buf in;
    struct frame frames[RAW_FRAMES_MAX]; /* bodies stand in @in, at the offsets of @at */
    size_t at[RAW_FRAMES_MAX];
    size_t count;
    size_t parsed;
    size_t wanted; /* frames that end a wait */
    bool want_end;
    bool ended;
    bool late;
};

void raw_peer_init(struct raw_peer *peer, struct loop *loop, int socket);
void raw_peer_connect(struct raw_peer *peer, struct loop *loop, const char *path);
void raw_peer_fini(struct raw_peer *peer);

/* Sends all, serving the loop while the socket is full. */
void raw_peer_send(struct raw_peer *peer, const void *bytes, size_t length);
void raw_peer_send_frame(struct raw_peer *peer, const struct frame *frame);
/* A unary request of a service "test". */
void raw_peer_call(struct raw_peer *peer, uint32_t stream, const char *method, struct text payload);

/* Serve the loop until @count frames came in all, or the end; the test fails after ten seconds. */
void raw_peer_await(struct raw_peer *peer, size_t count);
void raw_peer_await_end(struct raw_peer *peer);
void raw_peer_pause(struct raw_peer *peer, bool pause); /* stops reading, for back-pressure */

struct text raw_peer_body(const struct raw_peer *peer, size_t index);
/* The index of the frame that answers a stream; the test fails without one. */
size_t raw_peer_answer(const struct raw_peer *peer, uint32_t stream);
/* The code of an answer, and its payload or message; texts live until the next call. */
int raw_peer_code(const struct raw_peer *peer, uint32_t stream, const char **ret_text);
