/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An onlooker is one connection: it asks, then gets pieces of its answer, the next one made only
 * when the last one is in its socket. So a slow one holds a piece of memory and nobody up.
 */
#include "shim/daemon/window.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "runtime/stats/metrics.h"
#include "shim/control.h"
#include "shim/daemon/question.h"
#include "shim/daemon/view.h"
#include "shim/ttrpc/server.h"

enum {
    PATH_ROOM = 108, /* of sun_path */
    HEAD_BYTES_MAX = 512,
    CHUNK_BYTES = 20, /* a length in hexadecimal, and the ends of lines */
    AGAIN_MS = 100,   /* after descriptors ran out */
    ACCEPT_MAX = 32,  /* in a turn */
};

TAILQ_HEAD(onlookers, onlooker);

struct window {
    struct loop *loop;
    struct pods *pods;
    char path[PATH_ROOM];
    int listener;
    struct loop_io *io;
    struct loop_timer *again;
    struct onlookers list;
    size_t count;
};

struct onlooker {
    TAILQ_ENTRY(onlooker) link;
    struct window *window;
    int socket;
    struct loop_io *io;
    struct loop_timer *timer;
    uint64_t until_ns;   /* the end of the answer, at the latest */
    struct buf question; /* while it asks */
    bool is_asked;
    bool takes_chunks;
    struct view view;
    struct buf piece;
    size_t sent; /* of the piece */
};

/* ---- answers ---- */

static void onlooker_free(own struct onlooker *onlooker)
{
    onlooker->io = loop_io_close(onlooker->io);
    onlooker->timer = loop_timer_free(onlooker->timer);
    onlooker->socket = fd_close(onlooker->socket);
    buf_fini(&onlooker->question);
    buf_fini(&onlooker->piece);
    TAILQ_REMOVE(&onlooker->window->list, onlooker, link);
    onlooker->window->count--;
    free(onlooker);
}

/* The next piece: its length comes before it, so it is made apart. */
static void piece_make(struct onlooker *onlooker)
{
    AUTO(buf_fini) struct buf text = BUF(onlooker->piece.max);

    view_put(&onlooker->view, onlooker->window->pods, WINDOW_PIECE_BYTES, &text);
    if (onlooker->takes_chunks && text.length > 0) {
        buf_print(&onlooker->piece, "%zx\r\n", text.length);
    }
    buf_put(&onlooker->piece, text.data, text.length);
    if (onlooker->takes_chunks && text.length > 0) {
        buf_print(&onlooker->piece, "\r\n");
    }
    if (onlooker->takes_chunks && onlooker->view.is_over) {
        buf_print(&onlooker->piece, "0\r\n\r\n");
    }
}

/* Return: whether there is more to send later. */
static bool piece_send(struct onlooker *onlooker)
{
    ssize_t done = send(onlooker->socket, onlooker->piece.data + onlooker->sent,
                        onlooker->piece.length - onlooker->sent, MSG_NOSIGNAL);

    if (done < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    onlooker->sent += (size_t)done;
    if (onlooker->sent == onlooker->piece.length) {
        onlooker->piece.length = 0;
        onlooker->sent = 0;
    }
    return onlooker->piece.length > 0 || !onlooker->view.is_over;
}

static void timer_set(struct onlooker *onlooker)
{
    uint64_t now = clock_now_ns();
    uint64_t left = onlooker->until_ns > now ? onlooker->until_ns - now : 0;
    uint64_t stall = WINDOW_STALL_SECONDS * NS_PER_S;

    loop_timer_set(onlooker->timer, left < stall ? left : stall);
}

/* One piece a turn, so that others have theirs in between. */
static void answer_more(struct onlooker *onlooker)
{
    if (onlooker->piece.length == 0) {
        piece_make(onlooker);
    }
    if (onlooker->piece.overflow || !piece_send(onlooker)) {
        onlooker_free(onlooker);
        return;
    }
    timer_set(onlooker);
}

/* A sentence in place of an answer. */
static void refuse(struct onlooker *onlooker, const char *status, const char *sentence)
{
    buf_print(&onlooker->piece,
              "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
              "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
              status, strlen(sentence) + 1, sentence);
    onlooker->view.is_over = true;
}

static void answer_begin(struct onlooker *onlooker, const struct question *question)
{
    onlooker->view.what = question->what;
    onlooker->takes_chunks = question->takes_chunks;
    buf_print(&onlooker->piece, "HTTP/1.%d 200 OK\r\nContent-Type: %s\r\n%sConnection: close\r\n\r\n",
              question->takes_chunks ? 1 : 0,
              question->what == QUESTION_METRICS ? "text/plain; version=0.0.4; charset=utf-8"
                                                 : "application/x-ndjson",
              question->takes_chunks ? "Transfer-Encoding: chunked\r\n" : "");
}

/* ---- questions ---- */

/* Return: whether it is over with asking. */
static bool asked(struct onlooker *onlooker)
{
    struct text bytes = {(const char *)onlooker->question.data, onlooker->question.length};
    struct question question = {0};

    switch (question_read(bytes, &question)) {
    case QUESTION_SHORT:
        return false;
    case QUESTION_READY:
        answer_begin(onlooker, &question);
        return true;
    case QUESTION_LONG:
        refuse(onlooker, "431 Request Header Fields Too Large", "a request has at most 4096 bytes");
        return true;
    case QUESTION_METHOD:
        refuse(onlooker, "405 Method Not Allowed", "there is only GET");
        return true;
    case QUESTION_PATH:
        refuse(onlooker, "404 Not Found", "there are only /metrics and /containers");
        return true;
    case QUESTION_BROKEN:
    default:
        refuse(onlooker, "400 Bad Request", "this is no HTTP/1 request");
        return true;
    }
}

static void question_more(struct onlooker *onlooker)
{
    uint8_t *room = buf_reserve(&onlooker->question,
                                QUESTION_BYTES_MAX - onlooker->question.length);
    ssize_t got = room ? recv(onlooker->socket, room,
                              QUESTION_BYTES_MAX - onlooker->question.length, 0)
                       : 0;

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        onlooker_free(onlooker);
        return;
    }
    onlooker->question.length += (size_t)got;
    if (asked(onlooker)) {
        onlooker->is_asked = true;
        onlooker->until_ns = clock_now_ns() + WINDOW_ANSWER_SECONDS * NS_PER_S;
        loop_io_want(onlooker->io, LOOP_WRITE);
        timer_set(onlooker);
    }
}

static void onlooker_ready(void *owner, unsigned events)
{
    struct onlooker *onlooker = owner;

    (void)events;
    if (onlooker->is_asked) {
        answer_more(onlooker);
    } else {
        question_more(onlooker);
    }
}

static void onlooker_late(void *owner)
{
    onlooker_free(owner);
}

/* ---- the socket ---- */

static bool may_look(int socket)
{
    uint32_t uid = 0;
    int pid = 0;

    return fd_peer(socket, &pid, &uid) == 0 && (uid == 0 || uid == geteuid());
}

static void onlooker_new(struct window *window, own int socket)
{
    struct onlooker *onlooker = NULL;

    if (!may_look(socket) || window->count >= WINDOW_ONLOOKERS_MAX) {
        (void)fd_close(socket);
        return;
    }
    onlooker = NEW(struct onlooker);
    onlooker->window = window;
    onlooker->socket = socket;
    onlooker->question = BUF(QUESTION_BYTES_MAX);
    onlooker->piece = BUF(HEAD_BYTES_MAX + 2 * CHUNK_BYTES + WINDOW_PIECE_BYTES +
                          METRICS_PUT_BYTES_MAX);
    TAILQ_INSERT_TAIL(&window->list, onlooker, link);
    window->count++;
    onlooker->timer = loop_timer_new(window->loop, onlooker_late, onlooker);
    loop_timer_set(onlooker->timer, WINDOW_ASK_SECONDS * NS_PER_S);
    onlooker->io = loop_watch(window->loop, socket, LOOP_READ, onlooker_ready, onlooker);
    if (!onlooker->io) {
        onlooker_free(onlooker);
    }
}

static void listener_ready(void *owner, unsigned events)
{
    struct window *window = owner;

    (void)events;
    for (int i = 0; i < ACCEPT_MAX; i++) {
        int socket = accept4(window->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (socket >= 0) {
            onlooker_new(window, socket);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            /* The listener stays readable: rest, or the loop would spin. */
            loop_io_want(window->io, 0);
            loop_timer_set(window->again, AGAIN_MS * NS_PER_MS);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void accept_again(void *owner)
{
    struct window *window = owner;

    loop_io_want(window->io, LOOP_READ);
}

int window_new(struct loop *loop, struct pods *pods, const char *folder, own struct window **ret,
               struct fault *why)
{
    AUTO(window_free) struct window *window = NEW(struct window);

    window->loop = loop;
    window->pods = pods;
    window->listener = -1;
    TAILQ_INIT(&window->list);
    if (snprintf(window->path, sizeof(window->path), "%s/" CONTROL_METRICS, folder) >=
        (int)sizeof(window->path)) {
        return fault(why, FAULT_LIMIT, "%s is too long for a socket's path", folder);
    }
    TRY(ttrpc_listen(window->path, &window->listener, why));
    window->again = loop_timer_new(loop, accept_again, window);
    window->io = loop_watch(loop, window->listener, LOOP_READ, listener_ready, window);
    if (!window->io) {
        return fault(why, FAULT_SYSTEM, "%s cannot be waited for", window->path);
    }
    *ret = TAKE(window);
    return 0;
}

struct window *window_free(own struct window *window)
{
    struct onlooker *first = NULL;

    if (window) {
        while ((first = TAILQ_FIRST(&window->list)) != NULL) {
            onlooker_free(first);
        }
        window->io = loop_io_close(window->io);
        window->again = loop_timer_free(window->again);
        window->listener = fd_close(window->listener);
        free(window);
    }
    return NULL;
}

size_t window_onlookers(const struct window *window)
{
    return window->count;
}

void window_unlink(const struct window *window)
{
    (void)unlink(window->path);
}
