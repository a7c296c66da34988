/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packets between the image reader's client and skep-images: questions are even, answers odd.
 *
 * Belongs here: their encoding, the limits of both sides.
 * Does not belong here: sockets, who answers how.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/text.h"
#include "oci/images/reader.h"

enum {
    PROTOCOL_FD = 3, /* where skep-images finds the socket */
    PROTOCOL_PACKET_MAX = 2048,
};

enum protocol_kind {
    PROTOCOL_FIND = 2,   /* namespace, container */
    PROTOCOL_HASH = 4,   /* one descriptor */
    PROTOCOL_FOUND = 3,  /* form, digests; a descriptor when the form has one */
    PROTOCOL_FAILED = 5, /* a fault */
};

struct protocol_question {
    enum protocol_kind kind;
    uint32_t id;
    char space[IDENTIFIER_MAX + 1]; /* "" for PROTOCOL_HASH */
    char container[IDENTIFIER_MAX + 1];
};

struct protocol_answer {
    enum protocol_kind kind;
    uint32_t id;
    struct image image; /* PROTOCOL_FOUND; wasm is not in the packet but beside it */
    struct fault fault; /* PROTOCOL_FAILED */
};

/* Does a packet with this answer carry a descriptor? */
bool protocol_has_wasm(const struct protocol_answer *answer);

void protocol_put_question(struct buf *out, const struct protocol_question *question);
void protocol_put_answer(struct buf *out, const struct protocol_answer *answer);

/**
 * protocol_read_question() - a question out of a packet
 * @packet: the whole packet
 * @ret:    the question; untouched on failure
 *
 * Return: false when the packet is no question. Thread: any.
 */
bool protocol_read_question(struct cursor packet, struct protocol_question *ret) MUST_USE;

/* The same for an answer. Thread: any. */
bool protocol_read_answer(struct cursor packet, struct protocol_answer *ret) MUST_USE;
