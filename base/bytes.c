/* SPDX-License-Identifier: Apache-2.0 */
/* The cursor never moves past its end; the buffer never grows past its maximum. */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

struct cursor cursor_over(const void *bytes, size_t length)
{
    const uint8_t *at = (const uint8_t *)bytes;

    return (struct cursor){.at = at, .end = at ? at + length : at};
}

size_t cursor_left(const struct cursor *in)
{
    return (size_t)(in->end - in->at);
}

bool cursor_bytes(struct cursor *in, size_t length, const uint8_t **ret)
{
    if (length > cursor_left(in)) {
        return false;
    }
    *ret = in->at;
    in->at += length;
    return true;
}

static bool cursor_number(struct cursor *in, unsigned bytes, bool big, uint64_t *ret)
{
    const uint8_t *at = NULL;
    uint64_t value = 0;

    if (!cursor_bytes(in, bytes, &at)) {
        return false;
    }
    for (unsigned i = 0; i < bytes; i++) {
        value = value << 8 | at[big ? i : bytes - 1 - i];
    }
    *ret = value;
    return true;
}

bool cursor_u8(struct cursor *in, uint8_t *ret)
{
    uint64_t value = 0;

    if (!cursor_number(in, 1, true, &value)) {
        return false;
    }
    *ret = (uint8_t)value;
    return true;
}

static bool cursor_32(struct cursor *in, bool big, uint32_t *ret)
{
    uint64_t value = 0;

    if (!cursor_number(in, 4, big, &value)) {
        return false;
    }
    *ret = (uint32_t)value;
    return true;
}

bool cursor_be32(struct cursor *in, uint32_t *ret)
{
    return cursor_32(in, true, ret);
}

bool cursor_le32(struct cursor *in, uint32_t *ret)
{
    return cursor_32(in, false, ret);
}

bool cursor_le64(struct cursor *in, uint64_t *ret)
{
    return cursor_number(in, 8, false, ret);
}

bool cursor_text(struct cursor *in, size_t max, struct text *ret)
{
    struct cursor ahead = *in;
    uint32_t length = 0;
    const uint8_t *at = NULL;

    if (!cursor_le32(&ahead, &length) || length > max || !cursor_bytes(&ahead, length, &at) ||
        (length > 0 && memchr(at, 0, length))) {
        return false;
    }
    *ret = (struct text){.at = (const char *)at, .length = length};
    *in = ahead;
    return true;
}

void buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.max = buf->max};
}

uint8_t *buf_reserve(struct buf *buf, size_t more)
{
    size_t room = buf->room == 0 ? 256 : buf->room;
    uint8_t *data = NULL;

    if (buf->overflow || more > buf->max || buf->length > buf->max - more) {
        buf->overflow = true;
        return NULL;
    }
    if (buf->length + more > buf->room) {
        while (room < buf->length + more) {
            room *= 2;
        }
        data = (uint8_t *)realloc(buf->data, room);
        if (!data) {
            buf->overflow = true;
            return NULL;
        }
        buf->data = data;
        buf->room = room;
    }
    return buf->data + buf->length;
}

void buf_put(struct buf *buf, const void *bytes, size_t length)
{
    uint8_t *at = buf_reserve(buf, length);

    if (at && length > 0) {
        memcpy(at, bytes, length);
        buf->length += length;
    }
}

static void buf_put_number(struct buf *buf, uint64_t value, unsigned bytes, bool big)
{
    uint8_t wire[8];

    for (unsigned i = 0; i < bytes; i++) {
        wire[big ? bytes - 1 - i : i] = (uint8_t)(value >> (8 * i));
    }
    buf_put(buf, wire, bytes);
}

void buf_put_u8(struct buf *buf, uint8_t value)
{
    buf_put(buf, &value, 1);
}

void buf_put_be32(struct buf *buf, uint32_t value)
{
    buf_put_number(buf, value, 4, true);
}

void buf_put_le32(struct buf *buf, uint32_t value)
{
    buf_put_number(buf, value, 4, false);
}

void buf_put_le64(struct buf *buf, uint64_t value)
{
    buf_put_number(buf, value, 8, false);
}

void buf_put_text(struct buf *buf, const char *text)
{
    size_t length = strlen(text);

    if (length > UINT32_MAX) {
        buf->overflow = true;
        return;
    }
    buf_put_le32(buf, (uint32_t)length);
    buf_put(buf, text, length);
}

void buf_print(struct buf *buf, const char *format, ...)
{
    va_list values;
    va_list again;
    uint8_t *at = NULL;
    int length;

    va_start(values, format);
    va_copy(again, values);
    length = vsnprintf(NULL, 0, format, values);
    va_end(values);
    if (length >= 0) {
        at = buf_reserve(buf, (size_t)length + 1);
    }
    if (at) {
        (void)vsnprintf((char *)at, (size_t)length + 1, format, again);
        buf->length += (size_t)length;
    }
    va_end(again);
}

void buf_drop(struct buf *buf, size_t length)
{
    memmove(buf->data, buf->data + length, buf->length - length);
    buf->length -= length;
}

int buf_check(const struct buf *buf, const char *what, struct fault *why)
{
    if (buf->overflow) {
        return fault(why, FAULT_LIMIT, "%s is larger than %zu bytes", what, buf->max);
    }
    return 0;
}
