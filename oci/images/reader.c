/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests stand in one list, in the order in which they came. The reader's turn, always in a
 * callback of the loop, starts the child when there is none and sends what is not yet sent.
 *
 * When the child dies, what it held is sent once more. One of those requests may have killed it,
 * so they are then sent one at a time: only the culprit is held when the child dies again.
 */
#include "oci/images/reader.h"

#include <bsd/sys/queue.h>
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

enum {
    DEADLINE_SECONDS = 10,
    TRIES_MAX = 2,
};

struct image_request {
    TAILQ_ENTRY(image_request) link;
    struct image_reader *reader;
    struct protocol_question question;
    struct loop_timer *deadline;
    image_fn *fn;
    void *owner;
    int file;
    unsigned tries; /* how often it was sent */
    bool sent;      /* to the child that lives */
    struct fault refused; /* never sent: it cannot be asked */
};

struct image_reader {
    struct loop *loop;
    char *address;
    struct loop_waker *turn;
    TAILQ_HEAD(request_list, image_request) requests;
    uint32_t last_id;
    int socket;
    int pid;
    struct loop_io *io;
    struct loop_child *child;
    uint64_t heard_ns; /* when the child last answered */
    unsigned busy;     /* callbacks of ours on the stack */
    bool dying;        /* freed while busy */
};

static void request_remove(struct image_request *request)
{
    TAILQ_REMOVE(&request->reader->requests, request, link);
    (void)loop_timer_free(request->deadline);
    (void)fd_close(request->file);
    free(request);
}

static void request_end(struct image_request *request, struct image *image,
                        const struct fault *failed)
{
    image_fn *fn = request->fn;
    void *owner = request->owner;

    request_remove(request);
    fn(owner, image, failed);
}

/* Around everything that calls others: the reader may be freed by them. */
static void reader_enter(struct image_reader *reader)
{
    reader->busy++;
}

static void reader_leave(struct image_reader *reader)
{
    reader->busy--;
    if (reader->busy == 0 && reader->dying) {
        free(reader->address);
        free(reader);
    }
}

static void child_kill(struct image_reader *reader)
{
    reader->io = loop_io_close(reader->io);
    reader->socket = fd_close(reader->socket);
    if (reader->child) {
        (void)kill(reader->pid, SIGKILL);
    }
}

static void deadline_passed(void *owner)
{
    struct image_request *request = (struct image_request *)owner;
    struct image_reader *reader = request->reader;
    struct fault why = {0};
    uint64_t asked_ns = clock_now_ns() - DEADLINE_SECONDS * NS_PER_S;

    (void)fault(&why, FAULT_TIMEOUT, "skep-images has not answered within %d s",
                DEADLINE_SECONDS);
    if (reader->heard_ns < asked_ns) {
        child_kill(reader); /* it is stuck, not busy */
    }
    reader_enter(reader);
    request_end(request, NULL, &why);
    reader_leave(reader);
}

static struct image_request *request_find(struct image_reader *reader, uint32_t id)
{
    struct image_request *request = NULL;

    TAILQ_FOREACH (request, &reader->requests, link) {
        if (request->question.id == id) {
            return request;
        }
    }
    return NULL;
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
    request = request_find(reader, answer.id);
    if (!request) {
        return true; /* given up meanwhile */
    }
    if (answer.kind == PROTOCOL_FAILED) {
        request_end(request, NULL, &answer.fault);
        return true;
    }
    answer.image.wasm = count == 1 ? fds[0] : -1;
    fds[0] = -1;
    request_end(request, &answer.image, NULL);
    return true;
}

/* All answers that are there; false at the end of the connection. */
static bool drain(struct image_reader *reader)
{
    while (reader->socket >= 0 && !reader->dying) {
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
    return !reader->dying;
}

static void reader_turn(void *owner);

static void socket_ready(void *owner, unsigned events)
{
    struct image_reader *reader = (struct image_reader *)owner;

    reader_enter(reader);
    if ((events & LOOP_READ) != 0 && !drain(reader) && !reader->dying) {
        child_kill(reader); /* the rest is said when it has ended */
    }
    if (!reader->dying && reader->io) {
        loop_io_want(reader->io, LOOP_READ);
        reader_turn(reader);
    }
    reader_leave(reader);
}

static void fail_all(struct image_reader *reader, const struct fault *why)
{
    while (!reader->dying && !TAILQ_EMPTY(&reader->requests)) {
        request_end(TAILQ_FIRST(&reader->requests), NULL, why);
    }
}

/* What the dead child held is unsent again, or has failed for good. */
static void settle_held(struct image_reader *reader, const struct fault *why)
{
    struct image_request *request = TAILQ_FIRST(&reader->requests);

    TAILQ_FOREACH (request, &reader->requests, link) {
        request->sent = false;
    }
    request = TAILQ_FIRST(&reader->requests);
    while (request && !reader->dying) {
        struct image_request *next = TAILQ_NEXT(request, link);

        if (request->tries >= TRIES_MAX) {
            request_end(request, NULL, why);
            next = reader->dying ? NULL : TAILQ_FIRST(&reader->requests);
        }
        request = next;
    }
}

static void child_ended(void *owner, int status)
{
    struct image_reader *reader = (struct image_reader *)owner;
    struct fault why = {0};

    reader->child = NULL;
    reader_enter(reader);
    (void)drain(reader);
    if (!reader->dying) {
        child_kill(reader);
        if (WIFSIGNALED(status)) {
            (void)fault(&why, FAULT_UNAVAILABLE, "skep-images was ended by signal %d, twice",
                        WTERMSIG(status));
        } else {
            (void)fault(&why, FAULT_UNAVAILABLE, "skep-images has ended with status %d, twice",
                        WEXITSTATUS(status));
        }
        settle_held(reader, &why);
    }
    if (!reader->dying) {
        reader_turn(reader);
    }
    reader_leave(reader);
}

static int child_start(struct image_reader *reader, struct fault *why)
{
    const char *const argv[] = {"skep-images", reader->address, NULL};
    AUTO(fd_close) int ours = -1;
    AUTO(fd_close) int theirs = -1;
    char path[4096];
    struct process_plan plan = {.path = path, .argv = argv, .in = -1, .out = -1,
                                .err = STDERR_FILENO, .fds_count = 1, .session = true};
    int ends[2];
    int done;

    TRY(process_sibling("skep-images", path, sizeof(path), why));
    done = fd_pair(ends);
    if (done < 0) {
        return fault_sys(why, done, "make a socket for skep-images");
    }
    ours = ends[0];
    theirs = ends[1];
    done = fd_set_nonblocking(ours, true);
    if (done < 0) {
        return fault_sys(why, done, "make a socket for skep-images");
    }
    plan.fds = &theirs;
    TRY(process_start(&plan, &reader->pid, why));
    reader->child = loop_child_new(reader->loop, reader->pid, child_ended, reader, why);
    if (!reader->child) {
        (void)kill(reader->pid, SIGKILL);
        (void)waitpid(reader->pid, NULL, 0);
        return -1;
    }
    reader->io = loop_watch(reader->loop, ours, LOOP_READ, socket_ready, reader);
    reader->socket = TAKE_FD(ours);
    return 0;
}

/* Return: false when the socket is full. */
static bool request_send(struct image_request *request)
{
    struct image_reader *reader = request->reader;
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
    request->sent = true;
    request->tries++;
    return true;
}

static void send_all(struct image_reader *reader)
{
    struct image_request *request = NULL;
    bool careful = false;
    bool waiting = false;

    TAILQ_FOREACH (request, &reader->requests, link) {
        careful = careful || request->tries > (request->sent ? 1U : 0U);
        waiting = waiting || request->sent;
    }
    TAILQ_FOREACH (request, &reader->requests, link) {
        if (careful && waiting) {
            return;
        }
        if (!request->sent && !request_send(request)) {
            return;
        }
        waiting = true;
    }
}

static void end_refused(struct image_reader *reader)
{
    struct image_request *request = TAILQ_FIRST(&reader->requests);

    while (request && !reader->dying) {
        struct image_request *next = TAILQ_NEXT(request, link);
        struct fault refused = request->refused;

        if (refused.kind != FAULT_NONE) {
            request_end(request, NULL, &refused);
            next = reader->dying ? NULL : TAILQ_FIRST(&reader->requests);
        }
        request = next;
    }
}

static void reader_turn(void *owner)
{
    struct image_reader *reader = (struct image_reader *)owner;
    struct fault why = {0};

    reader_enter(reader);
    end_refused(reader);
    if (!reader->dying && !TAILQ_EMPTY(&reader->requests)) {
        if (!reader->child && child_start(reader, &why) < 0) {
            fail_all(reader, &why);
        } else if (reader->io) {
            send_all(reader);
        }
    }
    reader_leave(reader);
}

int image_reader_new(struct loop *loop, const char *address, own struct image_reader **ret,
                     struct fault *why)
{
    struct image_reader *reader = NULL;

    if (address[0] != '/') {
        return fault(why, FAULT_INVALID, "containerd's gRPC address must be an absolute path, not "
                     "%.100s", address);
    }
    reader = NEW(struct image_reader);
    reader->loop = loop;
    reader->address = COPY_TEXT(address);
    reader->turn = loop_waker_new(loop, reader_turn, reader);
    TAILQ_INIT(&reader->requests);
    reader->socket = -1;
    *ret = reader;
    return 0;
}

struct image_reader *image_reader_free(own struct image_reader *reader)
{
    if (reader) {
        while (!TAILQ_EMPTY(&reader->requests)) {
            request_remove(TAILQ_FIRST(&reader->requests));
        }
        child_kill(reader);
        reader->child = loop_child_forget(reader->child);
        reader->turn = loop_waker_free(reader->turn);
        reader->dying = true;
        reader_enter(reader);
        reader_leave(reader);
    }
    return NULL;
}

static struct image_request *request_new(struct image_reader *reader, enum protocol_kind kind,
                                         image_fn *fn, void *owner)
{
    struct image_request *request = NEW(struct image_request);

    request->reader = reader;
    request->question.kind = kind;
    request->question.id = ++reader->last_id;
    request->fn = fn;
    request->owner = owner;
    request->file = -1;
    request->deadline = loop_timer_new(reader->loop, deadline_passed, request);
    loop_timer_set(request->deadline, DEADLINE_SECONDS * NS_PER_S);
    TAILQ_INSERT_TAIL(&reader->requests, request, link);
    loop_wake(reader->turn);
    return request;
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
    struct image_request *request = request_new(reader, PROTOCOL_FIND, fn, owner);

    keep_identifier(request, "a namespace", namespace_id, request->question.space);
    keep_identifier(request, "an id", id, request->question.container);
    return request;
}

struct image_request *image_hash(struct image_reader *reader, int file, image_fn *fn, void *owner)
{
    struct image_request *request = request_new(reader, PROTOCOL_HASH, fn, owner);

    request->file = fd_duplicate(file);
    if (request->file < 0) {
        (void)fault_sys(&request->refused, request->file, "hand over the component");
    }
    return request;
}

void image_forget(struct image_request *request)
{
    if (request) {
        request_remove(request);
    }
}
