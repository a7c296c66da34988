/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: gRPC over one connection; the only user of the gRPC C core.
 *
 * Belongs here: calls, deadlines, gRPC's statuses as faults.
 * Does not belong here: any message (containerd.h).
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct channel;
struct fault;

/**
 * channel_open() - speak gRPC over a connection; starts gRPC's threads
 * @connection: a connected socket, non-blocking; duplicated
 * @ret:        the channel
 * @why:        the reason
 *
 * A lost connection is not made again; calls fail with FAULT_UNAVAILABLE then.
 *
 * Return: 0 or negative.
 */
int channel_open(int connection, own struct channel **ret, struct fault *why) MUST_USE;
struct channel *channel_free(own struct channel *channel); /* NULL in, NULL out */
DEFINE_AUTO(struct channel *, channel_free)

struct question {
    const char *space;  /* containerd's namespace */
    const char *method; /* "/package.Service/Method", static text */
    const uint8_t *packed;
    size_t length;
};

/* Takes one answer, borrowed for the call; negative ends the reading. */
typedef int answer_fn(void *owner, const uint8_t *bytes, size_t length, struct fault *why);

/**
 * channel_call() - ask, and take all answers in order
 * @channel:  the channel
 * @question: what to ask
 * @fn:       called for each answer, on this thread
 * @owner:    for @fn
 * @why:      what @fn said, or containerd's status in words
 *
 * Blocks for at most eight seconds. Return: 0 or negative. Thread: any, several at once.
 */
int channel_call(struct channel *channel, const struct question *question, answer_fn *fn,
                 void *owner, struct fault *why) MUST_USE;
