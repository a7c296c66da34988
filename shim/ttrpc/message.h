/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages: protobuf bytes into the generated structs and back, with ceilings.
 *
 * Belongs here: unpacking foreign bytes with bounded memory, packing ours.
 * Does not belong here: the meaning of any message.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/bytes.h"

struct fault;

enum {
    /* Memory of one unpacked message: many empty repeated fields weigh 50 times their bytes. */
    MESSAGE_MEMORY_MAX = 32 * 1024 * 1024,
};

/**
 * message_unpack() - foreign bytes as a message
 * @type:  descriptor of the generated message (&task__state_request__descriptor)
 * @bytes: the payload
 * @ret:   the message, for message_free(); cast it to the generated struct
 * @why:   FAULT_INTERNAL when the bytes are no such message, which is what containerd's own server
 *         answers; FAULT_LIMIT when it needs more than MESSAGE_MEMORY_MAX
 *
 * Texts are NUL-terminated, never NULL, and end at their first NUL byte; unknown fields are kept
 * out of the way by protobuf-c.
 *
 * Return: 0 or negative. Thread: any.
 */
int message_unpack(const ProtobufCMessageDescriptor *type, struct text bytes,
                   own ProtobufCMessage **ret, struct fault *why) MUST_USE;

/* NULL in, NULL out. */
ProtobufCMessage *message_free(own ProtobufCMessage *message);
DEFINE_AUTO(ProtobufCMessage *, message_free)

/**
 * message_pack() - append a message's bytes
 * @message: ours, with valid pointers
 * @ret:     appended to; its ceiling applies (buf_check())
 */
void message_pack(const ProtobufCMessage *message, struct buf *ret);
