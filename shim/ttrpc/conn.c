/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes are read into a buffer that lives only while a frame is incomplete, so that ten thousand
 * idle connections hold none; frames wait in it while the peer does not take its answers. The queue
 * keeps its written part until half of it is written.
 *
 * A connection that fails while it sends is shut down and ends at its next read: nobody is told
 * of an end from inside his own call.
 */
#include "shim/ttrpc/conn.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"

enum { READ_STEP = 16 * 1024 };

struct conn {
    struct loop_io *io;
    const struct conn_events *events;
    void *owner;
    int socket;
    struct buf in;
    bool held;      /* whole frames may wait in it, because the queue is long */
    size_t discard; /* bytes of a body that is too long, still to come */
    struct buf out;
    size_t out_sent; /* of out, from its front */
    bool in_event;   /* one of the owner's functions runs */
    bool freed;      /* by the owner, meanwhile */
    bool broken;     /* sending failed; the next read ends it */
};

static void conn_want(struct conn *conn)
{
    unsigned events = LOOP_READ;

    if (!conn->broken && (conn_queued(conn) > 0 || conn->held)) {
        events = conn_queued(conn) < CONN_QUEUE_PAUSE ? LOOP_READ | LOOP_WRITE : LOOP_WRITE;
    }
    loop_io_want(conn->io, events);
}

static void conn_break(struct conn *conn)
{
    conn->broken = true;
    buf_fini(&conn->out);
    conn->out = BUF(CONN_QUEUE_MAX);
    conn->out_sent = 0;
    (void)shutdown(conn->socket, SHUT_RDWR);
}

static void conn_flush(struct conn *conn)
{
    while (!conn->broken && conn_queued(conn) > 0) {
        ssize_t sent = send(conn->socket, conn->out.data + conn->out_sent, conn_queued(conn),
                            MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent >= 0) {
            conn->out_sent += (size_t)sent;
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            conn_break(conn);
        }
    }
    if (conn_queued(conn) == 0) {
        buf_fini(&conn->out);
        conn->out = BUF(CONN_QUEUE_MAX);
        conn->out_sent = 0;
    } else if (conn->out_sent > conn->out.length / 2) {
        buf_drop(&conn->out, conn->out_sent);
        conn->out_sent = 0;
    }
    conn_want(conn);
}

static void conn_destroy(struct conn *conn)
{
    conn->io = loop_io_close(conn->io);
    conn->socket = fd_close(conn->socket);
    buf_fini(&conn->in);
    buf_fini(&conn->out);
    free(conn);
}

/* Return: whether the connection still lives. */
static bool conn_tell(struct conn *conn, enum frame_answer answer, const struct frame *frame)
{
    conn->in_event = true;
    if (answer == FRAME_TOO_LONG) {
        conn->events->on_too_long(conn->owner, frame);
    } else {
        conn->events->on_frame(conn->owner, frame);
    }
    conn->in_event = false;
    if (conn->freed) {
        conn_destroy(conn);
        return false;
    }
    return true;
}

static void conn_end(struct conn *conn, const struct fault *why)
{
    conn->broken = true;
    loop_io_want(conn->io, 0);
    conn->in_event = true;
    conn->events->on_end(conn->owner, why);
    conn->in_event = false;
    if (conn->freed) {
        conn_destroy(conn);
    }
}

/* Takes whole frames off the input, while the peer takes what they cause. False: it is freed. */
static bool conn_frames(struct conn *conn)
{
    struct cursor in = cursor_over(conn->in.data, conn->in.length);

    while (!conn->broken && conn_queued(conn) < CONN_QUEUE_PAUSE) {
        struct frame frame;
        enum frame_answer answer;
        size_t skip = conn->discard < cursor_left(&in) ? conn->discard : cursor_left(&in);

        in.at += skip;
        conn->discard -= skip;
        answer = conn->discard > 0 ? FRAME_PARTIAL : frame_read(&in, &frame);
        if (answer == FRAME_PARTIAL) {
            break;
        }
        conn->discard = answer == FRAME_TOO_LONG ? frame.length : 0;
        if (!conn_tell(conn, answer, &frame)) {
            return false;
        }
    }
    conn->held = !conn->broken && conn_queued(conn) >= CONN_QUEUE_PAUSE;
    buf_drop(&conn->in, conn->in.length - cursor_left(&in));
    if (conn->in.length == 0) {
        buf_fini(&conn->in);
        conn->in = BUF(FRAME_HEADER_BYTES + FRAME_BODY_MAX + READ_STEP);
    }
    return true;
}

static void conn_read(struct conn *conn)
{
    struct fault why = {0};
    uint8_t *at = NULL;
    ssize_t got;

    if (conn->broken) {
        (void)fault(&why, FAULT_UNAVAILABLE,
                    "the peer closed the connection or left %d MiB of answers unread",
                    CONN_QUEUE_MAX / 1024 / 1024);
        conn_end(conn, &why);
        return;
    }
    at = buf_reserve(&conn->in, READ_STEP);
    got = at ? recv(conn->socket, at, READ_STEP, MSG_DONTWAIT) : 0;
    if (got > 0) {
        conn->in.length += (size_t)got;
        (void)conn_frames(conn);
        return;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got < 0) {
        (void)fault_sys(&why, -errno, "read from the peer");
    } else {
        (void)fault(&why, FAULT_UNAVAILABLE, "the peer closed the connection");
    }
    conn_end(conn, &why);
}

static void conn_ready(void *owner, unsigned events)
{
    struct conn *conn = owner;

    if ((events & LOOP_WRITE) != 0) {
        conn_flush(conn);
        if (conn->held && conn->in.length > 0 && !conn_frames(conn)) {
            return;
        }
        conn->held = conn->held && conn->in.length > 0;
        conn_want(conn);
    }
    if ((events & LOOP_READ) != 0) {
        conn_read(conn);
    }
}

own struct conn *conn_new(struct loop *loop, int socket, const struct conn_events *events,
                          void *owner)
{
    struct conn *conn = NEW(struct conn);

    conn->events = events;
    conn->owner = owner;
    conn->socket = socket;
    conn->in = BUF(FRAME_HEADER_BYTES + FRAME_BODY_MAX + READ_STEP);
    conn->out = BUF(CONN_QUEUE_MAX);
    if (fd_set_nonblocking(socket, true) == 0) {
        conn->io = loop_watch(loop, socket, LOOP_READ, conn_ready, conn);
    }
    if (!conn->io) {
        conn_destroy(conn);
        return NULL;
    }
    return conn;
}

struct conn *conn_free(own struct conn *conn)
{
    if (conn && conn->in_event) {
        conn->freed = true;
    } else if (conn) {
        conn_destroy(conn);
    }
    return NULL;
}

void conn_send(struct conn *conn, const struct frame *frame)
{
    if (conn->broken || conn->freed) {
        return;
    }
    if (conn_queued(conn) + FRAME_HEADER_BYTES + frame->body.length > CONN_QUEUE_MAX) {
        conn_break(conn);
        conn_want(conn);
        return;
    }
    if (conn->out_sent > 0 &&
        conn->out.length + FRAME_HEADER_BYTES + frame->body.length > CONN_QUEUE_MAX) {
        buf_drop(&conn->out, conn->out_sent);
        conn->out_sent = 0;
    }
    frame_put(&conn->out, frame);
    conn_flush(conn);
}

size_t conn_queued(const struct conn *conn)
{
    return conn->out.length - conn->out_sent;
}
