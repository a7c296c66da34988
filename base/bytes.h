/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes: reading foreign ones through a cursor, collecting our own in a buffer with a ceiling.
 *
 * Belongs here: bounds. A reader checks first, then fills the result, then advances; on any other
 * result the cursor is where it was.
 * Does not belong here: any format (each format reads itself out of a cursor).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct fault;

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

/* A slice of text or bytes; not NUL-terminated. */
struct text {
    const char *at;
    size_t length;
};

struct cursor cursor_over(const void *bytes, size_t length);
size_t cursor_left(const struct cursor *in);

/* Each reads one value in wire order (be: big endian, le: little endian); false when too short. */
bool cursor_u8(struct cursor *in, uint8_t *ret) MUST_USE;
bool cursor_be32(struct cursor *in, uint32_t *ret) MUST_USE;
bool cursor_le32(struct cursor *in, uint32_t *ret) MUST_USE;
bool cursor_le64(struct cursor *in, uint64_t *ret) MUST_USE;

/**
 * cursor_bytes() - take a run of bytes
 * @in:     where to read
 * @length: bytes wanted, any size
 * @ret:    borrowed from what @in reads
 *
 * Return: false when fewer are left. Thread: any.
 */
bool cursor_bytes(struct cursor *in, size_t length, const uint8_t **ret) MUST_USE;

/**
 * cursor_text() - take a length-prefixed text as buf_put_text() wrote it
 * @in:  where to read
 * @max: most bytes that are accepted
 * @ret: borrowed from what @in reads; holds no NUL byte
 *
 * Return: false when it is short, longer than @max, or holds a NUL. Thread: any.
 */
bool cursor_text(struct cursor *in, size_t max, struct text *ret) MUST_USE;

/* Grows by doubling up to @max bytes. Embedded; zero-initialise and set max, or BUF(max). */
struct buf {
    uint8_t *data;
    size_t length;
    size_t room;
    size_t max;
    bool overflow; /* something did not fit; looked at once, at the end, by buf_check() */
};

#define BUF(limit) ((struct buf){.max = (limit)})

void buf_fini(struct buf *buf);
UNUSED static inline void buf_fini_auto(struct buf *held)
{
    buf_fini(held);
}

/* Each appends; on overflow of the ceiling nothing is appended and buf->overflow is set. */
void buf_put(struct buf *buf, const void *bytes, size_t length);
void buf_put_u8(struct buf *buf, uint8_t value);
void buf_put_be32(struct buf *buf, uint32_t value);
void buf_put_le32(struct buf *buf, uint32_t value);
void buf_put_le64(struct buf *buf, uint64_t value);
void buf_put_text(struct buf *buf, const char *text); /* le32 length, bytes */
void buf_print(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/**
 * buf_reserve() - make room at the end, to be filled by read(2) and then added to buf->length
 * @buf:  the buffer
 * @more: bytes wanted
 *
 * Return: where to write, or NULL when the ceiling would be passed (buf->overflow is set).
 */
uint8_t *buf_reserve(struct buf *buf, size_t more) MUST_USE;

/**
 * buf_drop() - forget bytes at the front
 * @buf:    the buffer
 * @length: at most buf->length
 */
void buf_drop(struct buf *buf, size_t length);

/**
 * buf_check() - did everything fit?
 * @buf:  the buffer
 * @what: its name in the sentence
 * @why:  FAULT_LIMIT naming @what and the maximum
 *
 * Return: 0 or negative.
 */
int buf_check(const struct buf *buf, const char *what, struct fault *why) MUST_USE;
