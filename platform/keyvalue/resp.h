/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redis's protocol, RESP2, on the one connection of tcp.
 *
 * Belongs here: commands and answers as bytes. Does not belong here: which commands there are (redis).
 */
#pragma once

#include "platform/file.h"

enum {
    LINE_MOST = 512, /* bytes of a line of the protocol */
};

struct word {
    const void *at;
    size_t count;
};

struct reply {
    char kind;      /* as in the protocol: + - : $ * */
    int64_t number; /* of ":", or how much of "$" and "*" */
    char line[LINE_MOST];
    struct bytes bulk; /* of "$", on the heap; NULL for none */
};

/** resp_start() - the connection is new: forget what came on the one before */
void resp_start(void);

/* Each returns false with the reason in @why, the caller's to free, and then nothing is connected. */

/** resp_broken() - end the connection to one who does not keep to the protocol; always false */
bool resp_broken(struct bytes *why, const char *what);

/** resp_send() - a command */
bool resp_send(const struct word *words, size_t count, struct bytes *why);

/** resp_read() - an answer, or the beginning of one that has parts; its bulk is the caller's to free */
bool resp_read(struct reply *ret, struct bytes *why);
