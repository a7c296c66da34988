/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader's turn, always in a callback of the loop, starts the child when there is none and sends
 * what is not yet sent. When the child dies, what it held is sent once more, one at a time: one of
 * those requests may have killed it, and only the culprit is held when the next one dies.
 */
#include "oci/images/reader.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/process.h"
#include "oci/images/protocol.h"
#include "oci/images/request.h"

struct image_reader {
    struct requests requests;
    char *address;
    char *accept;
    struct loop_turn *turn;
    int socket;
    int pid;
    struct loop_io *io;
    struct loop_child *child;
    uint64_t heard_ns; /* when the child last answered */
    unsigned busy;     /* callbacks of ours on the stack: it is freed when the last has ended */
};

/* Around everything that calls others: the reader may be freed by them. */
static void reader_enter(struct image_reader *reader)
{
    reader->busy++;
}

static void reader_leave(struct image_reader *reader)
{
    reader->busy--;
    if (reader->busy == 0 && reader->requests.closed) {
        free(reader->address);
        free(reader->accept);
        free(reader);
    }
}

static void child_kill(struct image_reader *reader)
{
    /* First, or it may find its socket closed and end by itself, which is another sentence. */
    if (reader->child) {
        (void)kill(reader->pid, SIGKILL);
    }
    reader->io = loop_io_close(reader->io);
    reader->socket = fd_close(reader->socket);
}

static void request_late(void *owner, struct image_request *request)
{
    struct image_reader *reader = (struct image_reader *)owner;
    struct fault why = {0};

    (void)fault(&why, FAULT_TIMEOUT, "skep-images has not answered within %d s", REQUEST_SECONDS);
    if (clock_now_ns() - reader->heard_ns >= REQUEST_SECONDS * NS_PER_S) {
        child_kill(reader); /* it is stuck, not busy */
    }
    reader_enter(reader);
    request_end(request, NULL, &why);
    reader_leave(reader);
}

/* False when the packet is no answer of ours: then the child is not to be trusted any more. */
static bool take_answer(struct image_reader *reader, struct cursor packet, int *fds, size_t count)
{
    struct protocol_answer answer;
    struct image_request *request = NULL;

    if (!protocol_read_answer(packet, &answer) || count != (protocol_has_wasm(&answer) ? 1 : 0)) {
        return false;
    }
    reader->heard_ns = clock_now_ns();
    request = requests_find(&reader->requests, answer.id);
    if (!request) {
        return true; /* given up meanwhile */
    }
    if (answer.kind == PROTOCOL_FAILED) {
        request_end(request, NULL, &answer.fault);
        return true;
    }
    answer.image.wasm = count == 1 ? TAKE_FD(fds[0]) : -1;
    request_end(request, &answer.image, NULL);
    return true;
}

/* All answers that are there; false when no more can come. */
static bool drain(struct image_reader *reader)
{
    while (reader->socket >= 0) {
        uint8_t bytes[PROTOCOL_PACKET_MAX];
        int fds[1] = {-1};
        size_t count = 1;
        int got = fd_receive(reader->socket, bytes, sizeof(bytes), fds, &count);
        bool taken = false;

        if (got == -EAGAIN) {
            return true;
        }
        if (got > 0) {
            taken = take_answer(reader, cursor_over(bytes, (size_t)got), fds, count);
            (void)fd_close(fds[0]);
        }
        if (!taken) {
            return false;
        }
    }
    return false;
}

static void reader_turn(void *owner);

static void socket_ready(void *owner, unsigned events)
{
    struct image_reader *reader = (struct image_reader *)owner;

    reader_enter(reader);
    if ((events & LOOP_READ) != 0 && !drain(reader)) {
        child_kill(reader); /* the rest is said when it has ended */
    }
    if (reader->io) {
        loop_io_want(reader->io, LOOP_READ);
        reader_turn(reader);
    }
    reader_leave(reader);
}

static void child_ended(void *owner, int status)
{
    struct image_reader *reader = (struct image_reader *)owner;
    struct fault why = {0};

    reader->child = NULL;
    reader_enter(reader);
    (void)drain(reader);
    child_kill(reader);
    if (WIFSIGNALED(status)) {
        (void)fault(&why, FAULT_UNAVAILABLE, "skep-images was ended by signal %d, twice",
                    WTERMSIG(status));
    } else {
        (void)fault(&why, FAULT_UNAVAILABLE, "skep-images has ended with status %d, twice",
                    WEXITSTATUS(status));
    }
    requests_settle(&reader->requests, &why);
    reader_turn(reader);
    reader_leave(reader);
}

static int socket_new(struct image_reader *reader, int *ret_theirs, struct fault *why)
{
    int ends[2];
    int done = fd_pair(ends);

    if (done == 0) {
        reader->socket = ends[0];
        *ret_theirs = ends[1];
        done = fd_set_nonblocking(reader->socket, true);
    }
    return done < 0 ? fault_sys(why, done, "make a socket for skep-images") : 0;
}

static int child_start(struct image_reader *reader, struct fault *why)
{
    const char *const argv[] = {"skep-images", reader->address, reader->accept, NULL};
    AUTO(fd_close) int theirs = -1;
    char path[4096];
    struct process_plan plan = {.path = path, .argv = argv, .in = -1, .out = -1,
                                .err = STDERR_FILENO, .fds_count = 1, .session = true};

    TRY(process_sibling("skep-images", path, sizeof(path), why));
    TRY(socket_new(reader, &theirs, why));
    plan.fds = &theirs;
    TRY(process_start(&plan, &reader->pid, why));
    reader->child = loop_child_new(reader->requests.loop, reader->pid, child_ended, reader, why);
    if (!reader->child) {
        (void)kill(reader->pid, SIGKILL);
        (void)waitpid(reader->pid, NULL, 0);
        return -1;
    }
    reader->io = loop_watch(reader->requests.loop, reader->socket, LOOP_READ, socket_ready, reader);
    return 0;
}

/* Return: false when the socket is full. */
static bool request_send(struct image_reader *reader, struct image_request *request)
{
    AUTO(buf_fini) struct buf packet = BUF(PROTOCOL_PACKET_MAX);
    int sent;

    protocol_put_question(&packet, &request->question);
    sent = fd_send(reader->socket, packet.data, packet.length, &request->file,
                   request->file >= 0 ? 1 : 0);
    if (sent == -EAGAIN) {
        loop_io_want(reader->io, LOOP_READ | LOOP_WRITE);
        return false;
    }
    /* Any other failure is the child's end, which is on its way to us. */
    request_was_sent(request);
    return true;
}

static void reader_turn(void *owner)
{
    struct image_reader *reader = (struct image_reader *)owner;
    struct image_request *request = NULL;
    struct fault why = {0};

    reader_enter(reader);
    request = requests_next(&reader->requests);
    if (request && !reader->child && child_start(reader, &why) < 0) {
        reader->socket = fd_close(reader->socket);
        requests_fail_all(&reader->requests, &why);
        request = NULL;
    }
    while (request && reader->io && request_send(reader, request)) {
        request = requests_next(&reader->requests);
    }
    reader_leave(reader);
}

int image_reader_new(struct loop *loop, const char *address, const char *accept,
                     own struct image_reader **ret, struct fault *why)
{
    struct image_reader *reader = NULL;

    if (address[0] != '/') {
        return fault(why, FAULT_INVALID, "containerd's gRPC address must be an absolute path, not "
                     "%.100s", address);
    }
    reader = NEW(struct image_reader);
    requests_init(&reader->requests, loop, request_late, reader);
    reader->address = COPY_TEXT(address);
    reader->accept = COPY_TEXT(accept);
    reader->turn = loop_turn_new(loop, reader_turn, reader);
    reader->socket = -1;
    *ret = reader;
    return 0;
}

struct image_reader *image_reader_free(own struct image_reader *reader)
{
    if (reader) {
        requests_close(&reader->requests);
        child_kill(reader);
        reader->child = loop_child_forget(reader->child);
        reader->turn = loop_turn_free(reader->turn);
        reader_enter(reader);
        reader_leave(reader);
    }
    return NULL;
}

static void keep_identifier(struct image_request *request, const char *what, const char *text,
                            char ret[IDENTIFIER_MAX + 1])
{
    if (!text_is_identifier(text_of(text))) {
        (void)fault(&request->refused, FAULT_INVALID, "%.100s is not %s of containerd", text, what);
        return;
    }
    memcpy(ret, text, strlen(text) + 1);
}

struct image_request *image_find(struct image_reader *reader, const char *namespace_id,
                                 const char *id, image_fn *fn, void *owner)
{
    struct image_request *request = request_new(&reader->requests, PROTOCOL_FIND, fn, owner);

    keep_identifier(request, "a namespace", namespace_id, request->question.space);
    keep_identifier(request, "an id", id, request->question.container);
    loop_turn_ask(reader->turn);
    return request;
}

struct image_request *image_hash(struct image_reader *reader, int file, image_fn *fn, void *owner)
{
    struct image_request *request = request_new(&reader->requests, PROTOCOL_HASH, fn, owner);

    request->file = fd_duplicate(file);
    if (request->file < 0) {
        (void)fault_sys(&request->refused, request->file, "hand over the component");
    }
    loop_turn_ask(reader->turn);
    return request;
}

void image_forget(struct image_request *request)
{
    if (request) {
        request_remove(request);
    }
}
