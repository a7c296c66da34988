/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets go out at once while nothing waits; otherwise they queue and follow when the socket has
 * room. Failures while sending are told by the next turn of the loop, so that on_end never runs
 * inside channel_send(); a peer that is gone is told by receiving, after its last words. A round
 * of receiving is bounded, so that a peer that talks without end does not keep the loop.
 */
#include "runtime/wire/channel.h"

#include <assert.h>
#include <bsd/sys/queue.h>
#include <errno.h>
#include <string.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"

enum { RECEIVE_ROUND = 64 };

struct packet {
    STAILQ_ENTRY(packet) next;
    own uint8_t *bytes;
    size_t length;
    own int *fds;
    size_t fds_count;
};

struct channel {
    int socket;
    own struct loop_io *io;
    own struct loop_waker *waker; /* tells of a failure outside of channel_send() */
    enum message_direction receive;
    struct channel_events events;
    void *owner;
    STAILQ_HEAD(, packet) queue;
    size_t waiting;
    bool mute;            /* nothing goes out any more */
    bool ended;           /* nothing comes in either */
    struct fault failure; /* of a send, until on_end is told */
    bool *freed;          /* set when a callback frees the channel */
};

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)fd_close(fds[i]);
    }
}

static struct packet *packet_free(own struct packet *packet)
{
    close_all(packet->fds, packet->fds_count);
    free(packet->fds);
    free(packet->bytes);
    free(packet);
    return NULL;
}

static void drop_queue(struct channel *channel)
{
    while (!STAILQ_EMPTY(&channel->queue)) {
        struct packet *packet = STAILQ_FIRST(&channel->queue);

        STAILQ_REMOVE_HEAD(&channel->queue, next);
        (void)packet_free(packet);
    }
    channel->waiting = 0;
}

/* The last call of this channel into its owner. */
static void end(struct channel *channel, const struct fault *failed)
{
    struct fault copy = failed ? *failed : (struct fault){0};

    channel->ended = true;
    channel->mute = true;
    drop_queue(channel);
    channel->io = loop_io_close(channel->io);
    channel->waker = loop_waker_free(channel->waker);
    channel->events.on_end(channel->owner, failed ? &copy : NULL);
}

static void on_wake(void *owner)
{
    struct channel *channel = (struct channel *)owner;

    end(channel, &channel->failure);
}

static bool is_gone(int err)
{
    return err == -EPIPE || err == -ECONNRESET || err == -ECONNREFUSED || err == -ENOTCONN;
}

/* A send failed: what the peer has said before it went is received all the same. */
static int fail_later(struct channel *channel, int err, struct fault *why)
{
    channel->mute = true;
    drop_queue(channel);
    (void)fault_sys(why, err, "send to the other side");
    if (!is_gone(err)) {
        channel->failure = *why;
        channel->ended = true;
        loop_wake(channel->waker);
    }
    return -1;
}

/* Return: 0, 1 when the socket is full, or negative. */
static int send_now(struct channel *channel, const struct packet *packet, struct fault *why)
{
    int err = fd_send(channel->socket, packet->bytes, packet->length, packet->fds,
                      packet->fds_count);

    if (err == -EAGAIN || err == -ENOBUFS) {
        return 1;
    }
    return err < 0 ? fail_later(channel, err, why) : 0;
}

static void send_waiting(struct channel *channel)
{
    struct fault why = {0};

    while (!STAILQ_EMPTY(&channel->queue)) {
        struct packet *packet = STAILQ_FIRST(&channel->queue);

        if (send_now(channel, packet, &why) != 0) {
            return;
        }
        STAILQ_REMOVE_HEAD(&channel->queue, next);
        channel->waiting--;
        (void)packet_free(packet);
    }
    loop_io_want(channel->io, LOOP_READ);
}

static void tell(struct channel *channel, const struct message *message, struct fd_received *came)
{
    if (came->lost) {
        channel->events.on_lost(channel->owner, message);
    } else {
        channel->events.on_message(channel->owner, message, came->fds, came->count);
    }
}

/* Is it a message that may come, with what belongs to it? */
static int read_packet(const struct channel *channel, struct text packet,
                       const struct fd_received *came, struct message *ret, struct fault *why)
{
    if (came->lost && !channel->events.on_lost) {
        return fault_sys(why, -EMFILE, "receive descriptors from the other side");
    }
    return message_decode(packet, came->lost ? MESSAGE_FDS_LOST : came->count, channel->receive,
                          ret, why);
}

/* Return: 0 to go on, 1 when there is nothing more, negative when the channel has ended. */
static int receive_one(struct channel *channel)
{
    char bytes[MESSAGE_BYTES_MAX];
    struct fd_received came = {.count = 0};
    struct message message;
    struct fault why = {0};
    bool freed = false;
    int got = fd_receive_lossy(channel->socket, bytes, sizeof(bytes), &came);

    if (got == -EAGAIN) {
        return 1;
    }
    if (got == -ECONNRESET) {
        /* It left without reading all; what it sent is still there, and told next. */
        return 0;
    }
    if (got == 0) {
        close_all(came.fds, came.count);
        end(channel, NULL);
        return -1;
    }
    if (got < 0) {
        (void)fault_sys(&why, got, "receive from the other side");
        end(channel, &why);
        return -1;
    }
    if (read_packet(channel, (struct text){bytes, (size_t)got}, &came, &message, &why) < 0) {
        close_all(came.fds, came.count);
        end(channel, &why);
        return -1;
    }
    channel->freed = &freed;
    tell(channel, &message, &came);
    close_all(came.fds, came.count);
    if (freed) {
        return -1;
    }
    channel->freed = NULL;
    return channel->ended ? -1 : 0;
}

static void on_io(void *owner, unsigned events)
{
    struct channel *channel = (struct channel *)owner;
    int result = 0;

    if (channel->ended) {
        return;
    }
    if ((events & LOOP_WRITE) != 0) {
        send_waiting(channel);
        result = channel->ended ? -1 : 0;
    }
    for (int i = 0; i < RECEIVE_ROUND && result == 0; i++) {
        result = receive_one(channel);
    }
}

int channel_new(struct loop *loop, int socket, enum message_direction receive,
                const struct channel_events *events, void *owner, own struct channel **ret,
                struct fault *why)
{
    AUTO(channel_free) struct channel *channel = NEW(struct channel);
    int err;

    channel->socket = socket;
    channel->receive = receive;
    channel->events = *events;
    channel->owner = owner;
    STAILQ_INIT(&channel->queue);
    err = fd_set_nonblocking(socket, true);
    if (err < 0) {
        return fault_sys(why, err, "use the socket of a worker");
    }
    channel->waker = loop_waker_new(loop, on_wake, channel);
    channel->io = loop_watch(loop, socket, LOOP_READ, on_io, channel);
    if (!channel->io) {
        return fault(why, FAULT_INVALID, "the socket of a worker cannot be waited for");
    }
    *ret = TAKE(channel);
    return 0;
}

struct channel *channel_free(own struct channel *channel)
{
    if (!channel) {
        return NULL;
    }
    if (channel->freed) {
        *channel->freed = true;
    }
    drop_queue(channel);
    if (channel->io) {
        (void)loop_io_close(channel->io);
    }
    if (channel->waker) {
        (void)loop_waker_free(channel->waker);
    }
    (void)fd_close(channel->socket);
    free(channel);
    return NULL;
}

static struct packet *packet_new(const struct buf *bytes, const int *fds, size_t count)
{
    struct packet *packet = NEW(struct packet);

    packet->bytes = NEW_ARRAY(bytes->length, uint8_t);
    memcpy(packet->bytes, bytes->data, bytes->length);
    packet->length = bytes->length;
    packet->fds = NEW_ARRAY(count + 1, int);
    if (count > 0) {
        memcpy(packet->fds, fds, count * sizeof(int));
    }
    packet->fds_count = count;
    return packet;
}

int channel_send(struct channel *channel, const struct message *message, const int *fds,
                 size_t count, struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);
    struct packet *packet = NULL;
    int result = 1;

    assert(count == message_fds(message));
    message_encode(message, &bytes);
    assert(!bytes.overflow);
    packet = packet_new(&bytes, fds, count);
    if (channel->mute) {
        (void)packet_free(packet);
        return fault(why, FAULT_UNAVAILABLE, "the other side is gone");
    }
    if (channel->waiting >= CHANNEL_QUEUE_MAX) {
        (void)packet_free(packet);
        return fault(why, FAULT_LIMIT, "%d messages wait for the other side already",
                     CHANNEL_QUEUE_MAX);
    }
    if (STAILQ_EMPTY(&channel->queue)) {
        result = send_now(channel, packet, why);
    }
    if (result != 1) {
        (void)packet_free(packet);
        return result;
    }
    STAILQ_INSERT_TAIL(&channel->queue, packet, next);
    channel->waiting++;
    loop_io_want(channel->io, LOOP_READ | LOOP_WRITE);
    return 0;
}

size_t channel_waiting(const struct channel *channel)
{
    return channel->waiting;
}
