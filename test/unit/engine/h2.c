/* SPDX-License-Identifier: Apache-2.0 */
/* The server is told to keep no table, so each block of it stands alone. */
#include "test/unit/engine/h2.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/engine/house.h"

enum { HEAD = 9, FRAME_MAX = 16384, NAME_STATUS = 8 };

static void put32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A server that has closed the connection is no failure of the test: reading tells. */
static void put_bytes(const struct h2 *h2, const void *bytes, size_t length)
{
    size_t done = 0;

    while (done < length) {
        ssize_t sent = send(h2->fd, (const uint8_t *)bytes + done, length - done, MSG_NOSIGNAL);

        if (sent <= 0) {
            return;
        }
        done += (size_t)sent;
    }
}

void h2_send(struct h2 *h2, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
             size_t length)
{
    uint8_t frame[HEAD + FRAME_MAX];

    assert_true(length <= FRAME_MAX);
    put32(frame, (uint32_t)length << 8 | type);
    frame[4] = flags;
    put32(frame + 5, stream);
    if (length > 0) {
        memcpy(frame + HEAD, payload, length);
    }
    put_bytes(h2, frame, HEAD + length);
}

void h2_open(struct h2 *h2, uint16_t port)
{
    static const uint8_t no_table[] = {0, 1, 0, 0, 0, 0};

    memset(h2, 0, sizeof(*h2));
    h2->next = 1;
    h2->fd = house_send(port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    h2_send(h2, H2_SETTINGS, 0, 0, no_table, sizeof(no_table));
}

void h2_close(struct h2 *h2)
{
    (void)close(h2->fd);
}

static void put_text(struct h2_block *block, const char *text)
{
    size_t left = strlen(text);

    assert_true(block->length + left + 8 <= sizeof(block->bytes));
    if (left < 127) {
        block->bytes[block->length++] = (uint8_t)left;
    } else {
        block->bytes[block->length++] = 127;
        for (left -= 127; left >= 128; left >>= 7) {
            block->bytes[block->length++] = (uint8_t)(left & 127) | 128;
        }
        block->bytes[block->length++] = (uint8_t)left;
    }
    memcpy(block->bytes + block->length, text, strlen(text));
    block->length += strlen(text);
}

void h2_field(struct h2_block *block, const char *name, const char *value)
{
    block->bytes[block->length++] = 0;
    put_text(block, name);
    put_text(block, value);
}

void h2_request(struct h2_block *block, const char *method, const char *path)
{
    block->length = 0;
    h2_field(block, ":method", method);
    h2_field(block, ":scheme", "http");
    h2_field(block, ":path", path);
    h2_field(block, ":authority", "here");
}

uint32_t h2_start(struct h2 *h2, const struct h2_block *block, uint8_t flags)
{
    uint32_t stream = h2->next;

    h2_send(h2, H2_HEADERS, flags, stream, block->bytes, block->length);
    h2->next += 2;
    return stream;
}

uint32_t h2_get(struct h2 *h2, const char *path)
{
    static struct h2_block block;

    h2_request(&block, "GET", path);
    return h2_start(h2, &block, H2_END_STREAM | H2_END_HEADERS);
}

static bool take_bytes(const struct h2 *h2, void *bytes, size_t length)
{
    size_t done = 0;

    while (done < length) {
        ssize_t got = recv(h2->fd, (uint8_t *)bytes + done, length - done, 0);

        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

static void take_settings(struct h2 *h2, const struct h2_frame *frame)
{
    for (size_t at = 0; at + 6 <= frame->length; at += 6) {
        size_t number = (size_t)frame->payload[at] << 8 | frame->payload[at + 1];

        if (number < sizeof(h2->settings) / sizeof(h2->settings[0])) {
            h2->settings[number] = get32(frame->payload + at + 2);
        }
    }
}

static void confirm(struct h2 *h2, const struct h2_frame *frame)
{
    size_t length = frame->type == H2_PING ? frame->length : 0;

    if (!h2->is_mute && (frame->flags & H2_ACK) == 0) {
        h2_send(h2, frame->type, H2_ACK, 0, frame->payload, length);
    }
}

bool h2_next(struct h2 *h2, struct h2_frame *frame)
{
    uint8_t head[HEAD];

    if (!take_bytes(h2, head, HEAD)) {
        return false;
    }
    frame->length = get32(head) >> 8;
    frame->type = head[3];
    frame->flags = head[4];
    frame->stream = get32(head + 5);
    assert_true(frame->length <= FRAME_MAX);
    if (!take_bytes(h2, frame->payload, frame->length)) {
        return false;
    }
    if (frame->type == H2_SETTINGS) {
        take_settings(h2, frame);
    }
    if (frame->type == H2_SETTINGS || frame->type == H2_PING) {
        confirm(h2, frame);
    }
    if (frame->type == H2_GOAWAY) {
        h2->has_left = true;
        h2->reason = get32(frame->payload + 4);
    }
    return true;
}

/* Digits in Huffman's code: 0 to 2 have five bits, the others six. */
static int decode_digits(const uint8_t *bytes, size_t length)
{
    uint32_t bits = 0;
    int left = 0;
    int number = 0;

    for (size_t i = 0; i < length && i < 4; i++) {
        bits |= (uint32_t)bytes[i] << (24 - 8 * i);
        left += 8;
    }
    while (left >= 5) {
        uint32_t five = bits >> 27;
        uint32_t six = bits >> 26;

        if (five <= 2) {
            number = number * 10 + (int)five;
            bits <<= 5;
            left -= 5;
        } else if (six >= 25 && six <= 31 && left >= 6) {
            number = number * 10 + (int)six - 22;
            bits <<= 6;
            left -= 6;
        } else {
            break;
        }
    }
    return number;
}

int h2_status(const struct h2_frame *frame)
{
    static const int known[] = {200, 204, 206, 304, 400, 404, 500};
    const uint8_t *at = frame->payload;
    const uint8_t *end = at + frame->length;
    int number = 0;

    while (at < end && (*at & 0xe0) == 0x20) { /* the size of the table */
        at++;
    }
    if (at < end && *at >= (0x80 | NAME_STATUS) && *at <= (0x80 | 14)) {
        return known[*at - (0x80 | NAME_STATUS)];
    }
    if (end - at < 2 || (*at & 0x0f) != NAME_STATUS) {
        return 0;
    }
    if ((at[1] & 0x80) != 0) {
        return decode_digits(at + 2, at[1] & 0x7f);
    }
    for (size_t i = 0; i < at[1]; i++) {
        number = number * 10 + (at[2 + i] - '0');
    }
    return number;
}

static void take_part(const struct h2_frame *frame, struct h2_answer *answer, size_t *length)
{
    if (frame->type == H2_RESET) {
        answer->is_reset = true;
        answer->reason = get32(frame->payload);
    } else if (frame->type == H2_HEADERS && answer->status == 0) {
        answer->status = h2_status(frame);
    } else if (frame->type == H2_HEADERS) {
        answer->has_trailers = true;
    } else if (frame->type == H2_DATA) {
        size_t more = frame->length;

        if (more > sizeof(answer->body) - 1 - *length) {
            more = sizeof(answer->body) - 1 - *length;
        }
        memcpy(answer->body + *length, frame->payload, more);
        *length += more;
    }
}

void h2_answer(struct h2 *h2, uint32_t stream, struct h2_answer *answer)
{
    static struct h2_frame frame;
    size_t length = 0;
    bool is_over = false;

    memset(answer, 0, sizeof(*answer));
    while (!is_over && h2_next(h2, &frame)) {
        if (frame.stream != stream) {
            continue;
        }
        take_part(&frame, answer, &length);
        is_over = frame.type == H2_RESET || ((frame.type == H2_DATA || frame.type == H2_HEADERS) &&
                                             (frame.flags & H2_END_STREAM) != 0);
    }
}

void h2_drain(struct h2 *h2)
{
    static struct h2_frame frame;

    while (h2_next(h2, &frame)) {
    }
}
