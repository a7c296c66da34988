/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of HTTP/2 that does what no library would: it writes frames as it is told.
 *
 * Belongs here: frames, and as much of HPACK as a status needs. Does not belong here: assertions
 * about the engine's behaviour.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum h2_type {
    H2_DATA,
    H2_HEADERS,
    H2_RESET = 3,
    H2_SETTINGS,
    H2_PING = 6,
    H2_GOAWAY,
    H2_CONTINUATION = 9,
};

enum { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4 };
enum { H2_REFUSED_STREAM = 7, H2_ENHANCE_YOUR_CALM = 11 };
enum { H2_MAX_STREAMS = 3, H2_INITIAL_WINDOW = 4, H2_MAX_HEADERS = 6 };

struct h2 {
    int fd;
    bool is_mute;         /* confirms nothing */
    uint32_t next;        /* stream */
    uint32_t settings[8]; /* of the server, by number */
    bool has_left;        /* the server sent GOAWAY */
    uint32_t reason;      /* of that */
};

struct h2_frame {
    uint8_t type;
    uint8_t flags;
    uint32_t stream;
    size_t length;
    uint8_t payload[16384];
};

/* Header fields, as HPACK without tables and without Huffman's code. */
struct h2_block {
    size_t length;
    uint8_t bytes[128 * 1024];
};

struct h2_answer {
    int status; /* 0: there was none */
    bool is_reset;
    uint32_t reason;    /* of that */
    bool has_trailers;
    char body[4096];
};

/* Connect; the preface and settings are sent. */
void h2_open(struct h2 *h2, uint16_t port);
void h2_close(struct h2 *h2);

void h2_send(struct h2 *h2, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
             size_t length);

/* The fields of a request; more can be added. */
void h2_request(struct h2_block *block, const char *method, const char *path);
void h2_field(struct h2_block *block, const char *name, const char *value);

/* A stream with these fields, or with a GET. @flags: of the frame, H2_END_HEADERS included. */
uint32_t h2_start(struct h2 *h2, const struct h2_block *block, uint8_t flags);
uint32_t h2_get(struct h2 *h2, const char *path);

/* The next frame; false at the connection's end. Settings and pings are confirmed, unless mute. */
bool h2_next(struct h2 *h2, struct h2_frame *frame);

/* Read until that stream ends, dropping what comes for others. */
void h2_answer(struct h2 *h2, uint32_t stream, struct h2_answer *answer);

/* Read until the connection ends. */
void h2_drain(struct h2 *h2);

/* The status of a block of an answer. */
int h2_status(const struct h2_frame *frame);
