/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of an output FIFO we hold one descriptor opened O_RDWR: it is a reader, so that the guest never
 * gets EPIPE, and a writer, for the last words. The run's end is opened anew through /proc/self/fd,
 * write-only. Of stdin we hold the guest's end until it starts, and a writer until CloseIO, so that
 * a client may write, close and go before the guest has started.
 */
#include "shim/task/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/loop.h"
#include "shim/task/logger.h"

enum { WORDS_MAX = 512 };

/* An output stream. */
struct stream {
    int keep; /* ours until the end; -1 for none */
    int run;  /* the run's, where it is opened early; -1: opened through @keep */
};

struct stdio {
    int in;        /* the run's end, until it is taken */
    int in_writer; /* ours, until CloseIO */
    struct stream out;
    struct stream err;
    struct logger *logger;
    struct loop_io *io; /* waiting for room for the last words */
    struct loop_timer *timer;
    void (*said)(void *owner);
    void *said_owner;
    char words[WORDS_MAX];
};

static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

/* ---- opening ---- */

static int in_open(struct stdio *stdio, const char *path, struct fault *why)
{
    struct stat status;

    if (path[0] == '\0') {
        return 0;
    }
    if (path[0] != '/') {
        return fault(why, FAULT_INVALID, "stdin \"%.100s\" is no absolute path", path);
    }
    stdio->in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (stdio->in < 0) {
        return fault_sys(why, -errno, "open stdin %s", path);
    }
    if (fstat(stdio->in, &status) == 0 && S_ISFIFO(status.st_mode)) {
        stdio->in_writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (stdio->in_writer < 0) {
            return fault_sys(why, -errno, "hold stdin %s open", path);
        }
    }
    return 0;
}

/* file:// is made with its folders; a bare path must exist. */
static int file_open(struct stream *stream, const char *path, bool make, struct fault *why)
{
    char folder[PATH_MAX];
    char *slash = NULL;
    int done;

    if (path[0] != '/' || strlen(path) >= sizeof(folder)) {
        return fault(why, FAULT_INVALID, "\"%.100s\" is no absolute path", path);
    }
    if (make) {
        (void)snprintf(folder, sizeof(folder), "%s", path);
        slash = strrchr(folder, '/');
        *slash = '\0';
        done = fs_make_folders(folder, 0755);
        if (done < 0) {
            return fault_sys(why, done, "make the folder of the log %s", path);
        }
    }
    stream->keep =
        open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | (make ? O_CREAT : 0), 0644);
    if (stream->keep < 0) {
        return fault_sys(why, -errno, "open the log %s", path);
    }
    return 0;
}

static int fifo_or_file_open(struct stream *stream, const char *path, struct fault *why)
{
    struct stat status;

    if (path[0] != '/') {
        return fault(why, FAULT_INVALID,
                     "the stream \"%.100s\" is neither an absolute path nor file:// nor binary://",
                     path);
    }
    if (stat(path, &status) < 0) {
        return fault_sys(why, -errno, "open the stream %s", path);
    }
    if (!S_ISFIFO(status.st_mode)) {
        return file_open(stream, path, false, why);
    }
    stream->keep = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (stream->keep < 0) {
        return fault_sys(why, -errno, "open the stream %s", path);
    }
    return 0;
}

static int out_open(struct stream *stream, const char *text, struct fault *why)
{
    const char *path = after(text, "file://");

    if (text[0] == '\0') {
        return 0;
    }
    return path ? file_open(stream, path, true, why) : fifo_or_file_open(stream, text, why);
}

/* A pipe to a logger: we keep a writer for the last words, the logger gets the reader. */
static int pipe_open(struct stream *stream, int *ret_reader, struct fault *why)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return fault_sys(why, -errno, "make a pipe for a logger");
    }
    *ret_reader = ends[0];
    stream->keep = ends[1];
    return 0;
}

static int logger_open(struct stdio *stdio, const struct stdio_plan *plan, struct fault *why)
{
    AUTO(fd_close) int out = -1;
    AUTO(fd_close) int err = -1;
    const char *second = after(plan->out, "binary-v2://");
    struct logger_plan logger = {.must_say = second != NULL,
                                 .address = second ? second : after(plan->out, "binary://"),
                                 .namespace_id = plan->namespace_id,
                                 .id = plan->id};

    TRY(pipe_open(&stdio->out, &out, why));
    TRY(pipe_open(&stdio->err, &err, why));
    logger.out = out;
    logger.err = err;
    return logger_start(&logger, &stdio->logger, why);
}

static int all_open(struct stdio *stdio, const struct stdio_plan *plan, struct fault *why)
{
    if (plan->terminal) {
        return fault(why, FAULT_INVALID, "a component has no terminal: run it without one");
    }
    TRY(in_open(stdio, plan->in, why));
    if (after(plan->out, "binary://") || after(plan->out, "binary-v2://")) {
        return logger_open(stdio, plan, why);
    }
    TRY(out_open(&stdio->out, plan->out, why));
    return out_open(&stdio->err, plan->err, why);
}

static void all_close(struct stdio *stdio)
{
    stdio->in = fd_close(stdio->in);
    stdio->in_writer = fd_close(stdio->in_writer);
    stdio->out.keep = fd_close(stdio->out.keep);
    stdio->err.keep = fd_close(stdio->err.keep);
}

int stdio_open(const struct stdio_plan *plan, own struct stdio **ret, struct fault *why)
{
    struct stdio *stdio = NEW(struct stdio);

    stdio->in = -1;
    stdio->in_writer = -1;
    stdio->out.keep = -1;
    stdio->err.keep = -1;
    if (all_open(stdio, plan, why) < 0) {
        all_close(stdio);
        free(stdio);
        return -1;
    }
    *ret = stdio;
    return 0;
}

/* ---- the run's ends ---- */

/* Another open file description: O_NONBLOCK and O_RDWR are ours alone. */
static int stream_again(const struct stream *stream, struct fault *why)
{
    char path[32];
    struct stat status;
    int again;

    if (stream->keep < 0) {
        return -1;
    }
    if (fstat(stream->keep, &status) == 0 && !S_ISFIFO(status.st_mode)) {
        again = fd_duplicate(stream->keep);
    } else {
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", stream->keep);
        again = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        again = again < 0 ? -errno : again;
    }
    if (again < 0) {
        (void)fault_sys(why, again, "open a stream for the guest");
    }
    return again;
}

int stdio_take(struct stdio *stdio, struct run_stdio *ret, struct fault *why)
{
    AUTO(fd_close) int out = stream_again(&stdio->out, why);
    AUTO(fd_close) int err = -1;

    if (stdio->out.keep >= 0 && out < 0) {
        return -1;
    }
    err = stream_again(&stdio->err, why);
    if (stdio->err.keep >= 0 && err < 0) {
        return -1;
    }
    ret->in = TAKE_FD(stdio->in);
    ret->out = TAKE_FD(out);
    ret->err = TAKE_FD(err);
    return 0;
}

void stdio_close_in(struct stdio *stdio)
{
    stdio->in_writer = fd_close(stdio->in_writer);
}

/* ---- the last words ---- */

static void say_end(struct stdio *stdio)
{
    stdio->io = loop_io_close(stdio->io);
    stdio->timer = loop_timer_free(stdio->timer);
}

static void say_done(void *owner)
{
    struct stdio *stdio = owner;

    say_end(stdio);
    stdio->said(stdio->said_owner);
}

/* A line shorter than PIPE_BUF is written whole or not at all (pipe(7)). */
static bool say_now(struct stdio *stdio)
{
    return write(stdio->err.keep, stdio->words, strlen(stdio->words)) >= 0 || errno != EAGAIN;
}

static void say_room(void *owner, unsigned events)
{
    struct stdio *stdio = owner;

    (void)events;
    if (say_now(stdio)) {
        say_done(stdio);
    }
}

void stdio_say(struct stdio *stdio, struct loop *loop, const char *text, void (*done)(void *owner),
               void *owner)
{
    bool said = stdio->err.keep < 0;

    stdio->said = done;
    stdio->said_owner = owner;
    (void)snprintf(stdio->words, sizeof(stdio->words), "skep: %s\n", text);
    if (!said) {
        said = fd_set_nonblocking(stdio->err.keep, true) < 0 || say_now(stdio);
    }
    stdio->timer = loop_timer_new(loop, say_done, stdio);
    loop_timer_set(stdio->timer, said ? 0 : STDIO_SAY_NS);
    if (!said) {
        stdio->io = loop_watch(loop, stdio->err.keep, LOOP_WRITE, say_room, stdio);
    }
}

struct stdio *stdio_close(own struct stdio *stdio, struct loop *loop)
{
    if (stdio) {
        say_end(stdio);
        all_close(stdio);
        stdio->logger = logger_end(stdio->logger, loop);
        free(stdio);
    }
    return NULL;
}
