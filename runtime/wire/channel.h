/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel: one end of the socket between a supervisor and a worker, on a loop.
 *
 * Belongs here: receiving and checking, and a queue for what the socket does not take at once,
 * so that neither side ever blocks on the other or loses a message.
 * Does not belong here: what a message makes happen.
 *
 * Thread: the loop's. Callbacks run from the loop only, never from inside a function of this
 * header; each may free the channel.
 */
#pragma once

#include <stddef.h>

#include "runtime/wire/message.h"

struct channel;
struct loop;

/* Most messages that wait for a peer that does not read. */
enum { CHANNEL_QUEUE_MAX = 131072 };

struct channel_events {
    /* A message came. A descriptor is taken by leaving -1 in its place; the rest are closed. */
    void (*on_message)(void *owner, const struct message *message, int *fds, size_t count);
    /* Once: the peer is gone (@failed NULL), or broke the rules; nothing is called after it. */
    void (*on_end)(void *owner, const struct fault *failed);
    /* A message came, and its descriptors were lost: this process may have no more. NULL: it ends. */
    void (*on_lost)(void *owner, const struct message *message);
};

/**
 * channel_new() - serve one end of a socket
 * @loop:    where it waits; borrowed, must outlive it
 * @socket:  SOCK_SEQPACKET; owned by the channel, also on failure
 * @receive: the direction of the messages that come in
 * @events:  copied
 * @owner:   for @events
 *
 * Return: 0 with *@ret set, or negative.
 */
int channel_new(struct loop *loop, int socket, enum message_direction receive,
                const struct channel_events *events, void *owner, own struct channel **ret,
                struct fault *why) MUST_USE;

/* Closes the socket and all that waits. NULL in, NULL out. */
struct channel *channel_free(own struct channel *channel);
DEFINE_AUTO(struct channel *, channel_free)

/**
 * channel_send() - send a message, or queue it in order
 * @channel: the channel
 * @message: copied
 * @fds:     message_fds() descriptors, all open; they pass to the channel, whatever the result
 * @count:   how many
 * @why:     FAULT_LIMIT when CHANNEL_QUEUE_MAX wait already; FAULT_UNAVAILABLE after the end
 *
 * Return: 0 or negative.
 */
int channel_send(struct channel *channel, const struct message *message, const int *fds,
                 size_t count, struct fault *why) MUST_USE;

/* How many messages wait for the peer to read. */
size_t channel_waiting(const struct channel *channel);
