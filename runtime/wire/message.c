/* SPDX-License-Identifier: Apache-2.0 */
/* One walker over a table made from message.def writes and reads every message. */
#include "runtime/wire/message.h"

#include <assert.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"

enum field_type { FIELD_U32, FIELD_U64, FIELD_TEXT, FIELD_LIMITS };

struct field {
    const char *name; /* NULL ends a table */
    enum field_type type;
    size_t offset; /* in struct message */
    uint64_t max;  /* U32: largest value; TEXT: its room */
};

#define BEGIN(KIND, name, number, direction, fds) static const struct field name##_fields[] = {
#define U32(name, field, max) {#field, FIELD_U32, offsetof(struct message, name.field), (max)},
#define U64(name, field) {#field, FIELD_U64, offsetof(struct message, name.field), UINT64_MAX},
#define TEXT(name, field, room) {#field, FIELD_TEXT, offsetof(struct message, name.field), (room)},
#define LIMITS(name, field) {#field, FIELD_LIMITS, offsetof(struct message, name.field), 0},
#define END(name) {NULL, FIELD_U32, 0, 0}};
#include "runtime/wire/message.def"
#undef BEGIN
#undef U32
#undef U64
#undef TEXT
#undef LIMITS
#undef END

static const struct row {
    enum message_kind kind;
    const char *name;
    enum message_direction direction;
    size_t fds;
    const struct field *fields;
} rows[] = {
#define BEGIN(KIND, name, number, direction, fds)                                                  \
    {MESSAGE_##KIND, #KIND, MESSAGE_##direction, (fds), name##_fields},
#define U32(name, field, max)
#define U64(name, field)
#define TEXT(name, field, room)
#define LIMITS(name, field)
#define END(name)
#include "runtime/wire/message.def"
#undef BEGIN
#undef U32
#undef U64
#undef TEXT
#undef LIMITS
#undef END
};

static const struct row *find_row(unsigned kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if ((unsigned)rows[i].kind == kind) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *message_name(enum message_kind kind)
{
    const struct row *row = find_row((unsigned)kind);

    return row ? row->name : "unknown";
}

size_t message_fds(const struct message *message)
{
    const struct row *row = find_row((unsigned)message->kind);
    size_t count = row ? row->fds : 0;

    if (message->kind == MESSAGE_START) {
        count += (size_t)__builtin_popcount(message->start.present) + message->start.folders;
    } else if (message->kind == MESSAGE_PART) {
        count += (size_t)__builtin_popcount(message->part.present) + message->part.folders;
    } else if (message->kind == MESSAGE_READY) {
        count += message->ready.sockets;
    }
    return count;
}

void message_set_text(char *ret, size_t room, const char *text)
{
    size_t length = text ? strnlen(text, room - 1) : 0;

    memset(ret, 0, room);
    if (length > 0) {
        memcpy(ret, text, length);
    }
}

static void put_field(const char *from, const struct field *field, struct buf *out)
{
    uint32_t small = 0;
    uint64_t large = 0;

    switch (field->type) {
    case FIELD_U32:
        memcpy(&small, from, sizeof(small));
        assert(small <= field->max);
        buf_put_le32(out, small);
        break;
    case FIELD_U64:
        memcpy(&large, from, sizeof(large));
        buf_put_le64(out, large);
        break;
    case FIELD_TEXT:
        assert(memchr(from, '\0', field->max));
        buf_put_text(out, from);
        break;
    case FIELD_LIMITS:
        grant_limits_encode((const struct grant_limits *)(const void *)from, out);
        break;
    }
}

void message_encode(const struct message *message, struct buf *out)
{
    const struct row *row = find_row((unsigned)message->kind);

    assert(row);
    buf_put_u8(out, (uint8_t)row->kind);
    for (const struct field *field = row->fields; field->name; field++) {
        put_field((const char *)message + field->offset, field, out);
    }
}

static bool take_text(struct cursor *in, size_t room, char *ret)
{
    struct text text = {0};

    if (!cursor_text(in, room - 1, &text)) {
        return false;
    }
    memset(ret, 0, room);
    if (text.length > 0) {
        memcpy(ret, text.at, text.length);
    }
    text_make_printable(ret);
    return true;
}

static bool take_field(struct cursor *in, const struct field *field, char *ret)
{
    uint32_t small = 0;
    uint64_t large = 0;

    switch (field->type) {
    case FIELD_U32:
        if (!cursor_le32(in, &small) || small > field->max) {
            return false;
        }
        memcpy(ret, &small, sizeof(small));
        return true;
    case FIELD_U64:
        if (!cursor_le64(in, &large)) {
            return false;
        }
        memcpy(ret, &large, sizeof(large));
        return true;
    case FIELD_TEXT:
        return take_text(in, field->max, ret);
    case FIELD_LIMITS:
    default:
        return grant_limits_decode(in, (struct grant_limits *)(void *)ret);
    }
}

int message_decode(struct text packet, size_t fds, enum message_direction direction,
                   struct message *ret, struct fault *why)
{
    struct cursor in = cursor_over(packet.at, packet.length);
    struct message message = {0};
    const struct row *row = NULL;
    uint8_t number = 0;

    if (!cursor_u8(&in, &number)) {
        return fault(why, FAULT_INVALID, "a message is empty");
    }
    row = find_row(number);
    if (!row || row->direction != direction) {
        return fault(why, FAULT_INVALID, "there is no message %u in this direction",
                     (unsigned)number);
    }
    message.kind = row->kind;
    for (const struct field *field = row->fields; field->name; field++) {
        if (!take_field(&in, field, (char *)&message + field->offset)) {
            return fault(why, FAULT_INVALID, "message %s: %s is short or out of bounds", row->name,
                         field->name);
        }
    }
    if (cursor_left(&in) > 0) {
        return fault(why, FAULT_INVALID, "message %s has %zu bytes too many", row->name,
                     cursor_left(&in));
    }
    if (fds != message_fds(&message) && fds != MESSAGE_FDS_LOST) {
        return fault(why, FAULT_INVALID, "message %s has %zu descriptors in place of %zu",
                     row->name, fds, message_fds(&message));
    }
    *ret = message;
    return 0;
}
