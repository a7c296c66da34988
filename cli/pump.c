/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One buffer, either being filled or being emptied. Writes are small enough not to block on a
 * descriptor that has just been found writable (pipe(7): PIPE_BUF), since ours must stay blocking.
 */
#include "cli/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"

enum { PUMP_ROOM = 65536 };

struct pump {
    int from;
    int to;
    int pipe; /* that of the two which is ours to close */
    struct loop_io *reading;
    struct loop_io *writing;
    loop_fn *fn;
    void *owner;
    size_t at;     /* of what is to be written */
    size_t length; /* bytes left to be written */
    char room[PUMP_ROOM];
};

static void pump_end(struct pump *pump)
{
    loop_fn *fn = pump->fn;

    pump->reading = loop_io_close(pump->reading);
    pump->writing = loop_io_close(pump->writing);
    pump->pipe = fd_close(pump->pipe);
    pump->fn = NULL;
    if (fn) {
        fn(pump->owner);
    }
}

static void on_readable(void *owner, unsigned events)
{
    struct pump *pump = (struct pump *)owner;
    ssize_t got = read(pump->from, pump->room, sizeof(pump->room));

    (void)events;
    if (got > 0) {
        pump->at = 0;
        pump->length = (size_t)got;
        loop_io_want(pump->reading, 0);
        loop_io_want(pump->writing, LOOP_WRITE);
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        pump_end(pump);
    }
}

static void on_writable(void *owner, unsigned events)
{
    struct pump *pump = (struct pump *)owner;
    size_t most = pump->length < PIPE_BUF ? pump->length : PIPE_BUF;
    ssize_t put = write(pump->to, pump->room + pump->at, most);

    (void)events;
    if (put > 0) {
        pump->at += (size_t)put;
        pump->length -= (size_t)put;
    } else if (put < 0 && errno != EINTR && errno != EAGAIN) {
        pump_end(pump);
        return;
    }
    if (pump->length == 0) {
        loop_io_want(pump->writing, 0);
        loop_io_want(pump->reading, LOOP_READ);
    }
}

/* Watching makes a descriptor non-blocking; one that others share must not stay so. */
static struct loop_io *watch(struct loop *loop, int fd, unsigned events, loop_io_fn *fn,
                             struct pump *pump)
{
    int flags = fcntl(fd, F_GETFL);
    struct loop_io *io = loop_watch(loop, fd, events, fn, pump);

    if (flags >= 0 && fd != pump->pipe) {
        (void)fcntl(fd, F_SETFL, flags);
    }
    return io;
}

static bool is_pollable(struct loop *loop, struct pump *pump)
{
    pump->reading = watch(loop, pump->from, LOOP_READ, on_readable, pump);
    pump->writing = watch(loop, pump->to, 0, on_writable, pump);
    return pump->reading && pump->writing;
}

int pump_open(struct loop *loop, int fd, enum pump_direction direction, int *ret_guest,
              own struct pump **ret, struct fault *why)
{
    AUTO(pump_close) struct pump *pump = NULL;
    AUTO(fd_close) int guest = -1;
    int ends[2];

    *ret = NULL;
    *ret_guest = -1;
    if (fcntl(fd, F_GETFD) < 0) {
        return 0;
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return fault_sys(why, -errno, "make a pipe for the component");
    }
    pump = NEW(struct pump);
    pump->pipe = direction == PUMP_TO_GUEST ? ends[1] : ends[0];
    guest = direction == PUMP_TO_GUEST ? ends[0] : ends[1];
    pump->from = direction == PUMP_TO_GUEST ? fd : ends[0];
    pump->to = direction == PUMP_TO_GUEST ? ends[1] : fd;
    if (!is_pollable(loop, pump)) {
        *ret_guest = fd_duplicate(fd);
        return *ret_guest < 0 ? fault_sys(why, *ret_guest, "hand descriptor %d on", fd) : 0;
    }
    *ret_guest = TAKE_FD(guest);
    *ret = TAKE(pump);
    return 0;
}

void pump_on_done(struct pump *pump, loop_fn *fn, void *owner)
{
    pump->fn = fn;
    pump->owner = owner;
}

struct pump *pump_close(own struct pump *pump)
{
    if (pump) {
        pump->reading = loop_io_close(pump->reading);
        pump->writing = loop_io_close(pump->writing);
        pump->pipe = fd_close(pump->pipe);
        free(pump);
    }
    return NULL;
}
