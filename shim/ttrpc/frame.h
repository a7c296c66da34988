/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: the ten bytes in front of every ttrpc message, and their limits. Pure.
 *
 * Belongs here: the header as containerd/ttrpc PROTOCOL.md (v1.2) describes it.
 * Does not belong here: sockets and queues (conn), what a message says (message, server, client).
 */
#pragma once

#include <stdint.h>

#include "base/bytes.h"

enum {
    FRAME_HEADER_BYTES = 10,
    FRAME_BODY_MAX = 4 * 1024 * 1024, /* containerd/ttrpc channel.go: messageLengthMax */
};

enum frame_type {
    FRAME_REQUEST = 1,
    FRAME_RESPONSE = 2,
    FRAME_DATA = 3, /* of a stream; other values exist on the wire and are to be ignored */
};

enum frame_flag {
    FRAME_REMOTE_CLOSED = 1, /* the sender will send no more on this stream */
    FRAME_REMOTE_OPEN = 2,   /* the sender will send more on this stream */
    FRAME_NO_DATA = 4,
};

struct frame {
    uint32_t length; /* as announced; above FRAME_BODY_MAX the body is not to be kept */
    uint32_t stream; /* odd: begun by the client */
    uint8_t type;
    uint8_t flags;
    struct text body; /* borrowed from what was read; empty unless FRAME_READY */
};

enum frame_answer {
    FRAME_READY,    /* header and body are there; the input stands behind them */
    FRAME_PARTIAL,  /* more bytes are needed; the input is where it was */
    FRAME_TOO_LONG, /* the header is taken; frame.length bytes follow that are to be thrown away */
};

/**
 * frame_read() - take one frame off the front
 * @in:  foreign bytes
 * @ret: filled on FRAME_READY and FRAME_TOO_LONG
 *
 * Return: as the answers say; every ten bytes are a header, so nothing is malformed. Thread: any.
 */
enum frame_answer frame_read(struct cursor *in, struct frame *ret) MUST_USE;

/**
 * frame_put() - append one frame
 * @out:   where to; its ceiling applies
 * @frame: length is taken from the body, which has at most FRAME_BODY_MAX bytes
 */
void frame_put(struct buf *out, const struct frame *frame);
