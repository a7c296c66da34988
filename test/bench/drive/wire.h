/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containerd says to skepd, one question at a time: packets to the control socket, calls to a
 * task socket. Blocking; whatever is not as it should be ends the program with a sentence.
 *
 * Belongs here: connecting, sending, receiving. Does not belong here: in which order (pod.h).
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"

NORETURN void die(const char *format, ...) PRINTF_LIKE(1, 2);

/**
 * wire_start() - announce a container, as a launcher does
 * @control: path of the control socket
 * @id:      the container's
 * @bundle:  its folder
 * @ret:     path of the task socket that was named
 */
void wire_start(const char *control, const char *id, const char *bundle, char ret[108]);

/* One connection to a task socket. */
struct line {
    int socket;
    uint32_t stream; /* of the last call */
    struct buf in;
};

void line_open(struct line *line, const char *path);
void line_close(struct line *line);

/* Sends a call; its answer is for line_answer(). Return: its stream. */
uint32_t line_send(struct line *line, const char *method, const ProtobufCMessage *request);

/**
 * line_answer() - wait for the answer of one call; those of others are thrown away
 * @line:   the connection
 * @stream: of the call
 * @type:   of the answer; NULL: nobody wants it
 *
 * Return: the answer, for message_free(); NULL without @type.
 */
own ProtobufCMessage *line_answer(struct line *line, uint32_t stream,
                                  const ProtobufCMessageDescriptor *type);
