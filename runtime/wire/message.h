/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between a supervisor and a worker, one to a packet, with the descriptors they name.
 *
 * The supervisor starts `skep-worker DOMAIN [--keep-user]` with one end of a SOCK_SEQPACKET pair as
 * descriptor 3, sends HELLO and waits for READY. The worker ends when the socket does. Each side
 * takes the other for hostile: what does not decode ends the connection.
 *
 * Belongs here: the words (message.def), their encoding, their bounds.
 * Does not belong here: waiting and queues (channel.h), what a message makes happen.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "runtime/grant/grant.h"
#include "runtime/stats/page.h"

struct fault;

enum {
    MESSAGE_VERSION = 3,
    MESSAGE_BYTES_MAX = 2048,
    MESSAGE_FDS_MAX = 5 + GRANT_FOLDERS_MAX,
    MESSAGE_PARTS_MAX = 63, /* of a composition, besides its entry */
};

enum message_direction { MESSAGE_DOWN, MESSAGE_UP };

/* In place of a number of descriptors: there were some, and this process had no room for them. */
#define MESSAGE_FDS_LOST SIZE_MAX

/* START, PART: which descriptors follow the grant's, in this order. */
enum message_present {
    MESSAGE_STDIN = 1,
    MESSAGE_STDOUT = 2,
    MESSAGE_STDERR = 4,
    MESSAGE_PRESENT_PART = 7,
    MESSAGE_LISTENER = 8,
    MESSAGE_PRESENT_ALL = 15,
};

/* LOADED: what the component is; the engine's own numbers. */
enum message_component { MESSAGE_COMMAND, MESSAGE_SERVER, MESSAGE_LIBRARY };

/* EXITED: how a task ended; the engine's own numbers. */
enum message_how {
    MESSAGE_EXITED_BY_ITSELF, /* code is the guest's */
    MESSAGE_TRAPPED,
    MESSAGE_OOM,
    MESSAGE_KILLED,
    MESSAGE_STOPPED,
    MESSAGE_FAILED,
};

enum message_kind {
#define BEGIN(KIND, name, number, direction, fds) MESSAGE_##KIND = (number),
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

#define BEGIN(KIND, name, number, direction, fds) struct message_##name {
#define U32(name, field, max) uint32_t field;
#define U64(name, field) uint64_t field;
#define TEXT(name, field, room) char field[room];
#define LIMITS(name, field) struct grant_limits field;
#define END(name) };
#include "runtime/wire/message.def"
#undef BEGIN
#undef U32
#undef U64
#undef TEXT
#undef LIMITS
#undef END

struct message {
    enum message_kind kind;
    union {
#define BEGIN(KIND, name, number, direction, fds) struct message_##name name;
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
};

/**
 * message_encode() - the bytes of a message
 * @message: the message; numbers above their maximum are a mistake of ours (assert)
 * @out:     appended; its max should be MESSAGE_BYTES_MAX
 */
void message_encode(const struct message *message, struct buf *out);

/**
 * message_decode() - read a packet that a hostile peer may have written
 * @packet:    all of its bytes
 * @fds:       how many descriptors came with it; must be as many as the message says, or
 *             MESSAGE_FDS_LOST
 * @direction: which messages are expected
 * @ret:       the message; texts are NUL-terminated UTF-8 without control bytes
 * @why:       FAULT_INVALID naming message and field
 *
 * Return: 0 or negative. Thread: any.
 */
int message_decode(struct text packet, size_t fds, enum message_direction direction,
                   struct message *ret, struct fault *why) MUST_USE;

/**
 * message_fds() - how many descriptors travel with a message
 * @message: decoded, or about to be sent
 *
 * Return: 0 to MESSAGE_FDS_MAX. Thread: any.
 */
size_t message_fds(const struct message *message);

/* The name of a kind ("START") for sentences. Thread: any. */
const char *message_name(enum message_kind kind);

/**
 * message_set_text() - fill a text of a message, cut where it does not fit
 * @ret:  the field
 * @room: its bytes
 * @text: NUL-terminated; NULL reads as ""
 */
void message_set_text(char *ret, size_t room, const char *text);
