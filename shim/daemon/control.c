/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A caller is one connection: accepted, it sends one packet, gets one, and is closed by us. While
 * others find the answer it stays, even if its launcher has gone.
 */
#include "shim/daemon/control.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "shim/build.h"
#include "shim/control.h"
#include "shim/daemon/doors.h"
#include "shim/pod/announce.h"
#include "shim/task/service.h"

enum {
    TEXTS_MAX = 6,
    BACKLOG = 4096,
    ASK_SECONDS = 10,   /* from a connection to its question */
    DELETE_SECONDS = 4, /* containerd gives `delete` 5 */
    AGAIN_MS = 100,     /* after descriptors ran out */
};

TAILQ_HEAD(callers, caller);

struct control {
    struct control_tools tools;
    int listener;
    struct loop_io *io;
    struct loop_timer *again;
    struct callers callers;
    size_t count;
};

struct caller {
    TAILQ_ENTRY(caller) link;
    struct control *control;
    int socket;
    struct loop_io *io;
    struct loop_timer *timer;
    bool waits; /* others find the answer, and hold this */
    char namespace_id[IDENTIFIER_MAX + 1]; /* START */
};

/* ---- answers ---- */

static void caller_close(struct caller *caller)
{
    caller->io = loop_io_close(caller->io);
    caller->timer = loop_timer_free(caller->timer);
    caller->socket = fd_close(caller->socket);
}

static void caller_free(own struct caller *caller)
{
    caller_close(caller);
    TAILQ_REMOVE(&caller->control->callers, caller, link);
    caller->control->count--;
    free(caller);
}

/* Sends the answer and hangs up. */
static void tell(struct caller *caller, char letter, const char *format, ...) PRINTF_LIKE(3, 4);
static void tell(struct caller *caller, char letter, const char *format, ...)
{
    char packet[1024];
    va_list values;
    size_t length;

    packet[0] = letter;
    va_start(values, format);
    (void)vsnprintf(packet + 1, sizeof(packet) - 1, format, values);
    va_end(values);
    length = 1 + strlen(packet + 1) + 1;
    if (caller->socket >= 0 && fd_send(caller->socket, packet, length, NULL, 0) < 0) {
        log_debug("launcher has gone", "%s", "");
    }
    caller_close(caller);
}

/* ---- questions ---- */

static void start_answered(void *owner, enum announce_answer answer, const struct fault *failed)
{
    struct caller *caller = owner;
    const char *path = NULL;
    struct fault why = {0};

    if (!failed && answer == ANNOUNCE_OURS &&
        doors_open(caller->control->tools.doors, caller->namespace_id, &path, &why) < 0) {
        failed = &why;
    }
    if (failed) {
        tell(caller, CONTROL_REFUSED, "%s", failed->text);
    } else if (answer == ANNOUNCE_NATIVE) {
        tell(caller, CONTROL_NATIVE, "%s", "");
    } else {
        tell(caller, CONTROL_OURS, "unix://%s", path);
    }
    caller_free(caller);
}

static void ask_start(struct caller *caller, const char *const *texts)
{
    const struct pods_name name = {texts[0], texts[1], texts[2]};

    loop_timer_stop(caller->timer);
    caller->waits = true;
    (void)snprintf(caller->namespace_id, sizeof(caller->namespace_id), "%s", texts[0]);
    announce(caller->control->tools.pods, &name, texts[5], start_answered, caller);
}

static void delete_answered(void *owner, const struct service_removed *how)
{
    struct caller *caller = owner;

    tell(caller, CONTROL_DELETED, "%" PRIu32 " %" PRIu32 " %" PRIi64 " %" PRIi32, how->pid,
         how->status, how->ended.seconds, how->ended.nanos);
    caller_free(caller);
}

static void ask_delete(struct caller *caller, const char *const *texts)
{
    loop_timer_set(caller->timer, DELETE_SECONDS * NS_PER_S);
    caller->waits = true;
    service_remove(caller->control->tools.service, texts[0], texts[1], delete_answered, caller);
}

static void ask_info(struct caller *caller, const char *const *texts)
{
    (void)texts;
    tell(caller, CONTROL_TOLD, "%s %d %zu", BUILD_ID, (int)getpid(),
         pods_count(caller->control->tools.pods));
    caller_free(caller);
}

static const struct question {
    char letter;
    size_t texts;
    void (*ask)(struct caller *caller, const char *const *texts);
} questions[] = {
    {CONTROL_START, 6, ask_start},
    {CONTROL_DELETE, 3, ask_delete},
    {CONTROL_INFO, 0, ask_info},
};

/* Return: how many texts the packet holds behind its letter; -1 when it does not end well. */
static int texts_read(const char *packet, size_t length, const char *texts[TEXTS_MAX])
{
    size_t at = 1;
    int count = 0;

    while (at < length) {
        size_t rest = strnlen(packet + at, length - at);

        if (rest == length - at || count == TEXTS_MAX) {
            return -1;
        }
        texts[count++] = packet + at;
        at += rest + 1;
    }
    return count;
}

static void asked(struct caller *caller, const char *packet, size_t length)
{
    const char *texts[TEXTS_MAX] = {NULL};
    int count = texts_read(packet, length, texts);

    for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
        if (questions[i].letter == packet[0] && (int)questions[i].texts == count) {
            questions[i].ask(caller, texts);
            return;
        }
    }
    tell(caller, CONTROL_REFUSED, "skepd %s does not know this question", BUILD_ID);
    caller_free(caller);
}

static void caller_ready(void *owner, unsigned events)
{
    struct caller *caller = owner;
    char packet[CONTROL_BYTES_MAX];
    size_t fds = 0;
    int got;

    (void)events;
    got = fd_receive(caller->socket, packet, sizeof(packet), NULL, &fds);
    if (got == -EAGAIN || got == -EINTR) {
        return;
    }
    if (got <= 0) {
        /* A launcher that only looked, or one that gave up. */
        if (caller->waits) {
            caller->io = loop_io_close(caller->io);
        } else {
            caller_free(caller);
        }
        return;
    }
    if (!caller->waits) {
        asked(caller, packet, (size_t)got);
    }
}

static void caller_late(void *owner)
{
    struct caller *caller = owner;

    if (caller->waits) {
        tell(caller, CONTROL_REFUSED, "%s", "it is still ending");
    } else {
        caller_free(caller);
    }
}

/* ---- the socket ---- */

static bool may_ask(int socket)
{
    uint32_t uid = 0;
    int pid = 0;

    return fd_peer(socket, &pid, &uid) == 0 && (uid == 0 || uid == geteuid());
}

static void caller_new(struct control *control, own int socket)
{
    struct caller *caller = NULL;

    if (!may_ask(socket) || control->count >= CONTROL_CALLERS_MAX) {
        (void)fd_close(socket);
        return;
    }
    caller = NEW(struct caller);
    caller->control = control;
    caller->socket = socket;
    TAILQ_INSERT_TAIL(&control->callers, caller, link);
    control->count++;
    caller->timer = loop_timer_new(control->tools.loop, caller_late, caller);
    loop_timer_set(caller->timer, ASK_SECONDS * NS_PER_S);
    caller->io = loop_watch(control->tools.loop, socket, LOOP_READ, caller_ready, caller);
    if (!caller->io) {
        caller_free(caller);
    }
}

static void listener_ready(void *owner, unsigned events)
{
    struct control *control = owner;

    (void)events;
    for (;;) {
        int socket = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (socket >= 0) {
            caller_new(control, socket);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            /* The listener stays readable: rest, or the loop would spin. */
            loop_io_want(control->io, 0);
            loop_timer_set(control->again, AGAIN_MS * NS_PER_MS);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void accept_again(void *owner)
{
    struct control *control = owner;

    loop_io_want(control->io, LOOP_READ);
}

static int listener_open(const char *folder, int *ret, struct fault *why)
{
    AUTO(fd_close) int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int length = snprintf(where.sun_path, sizeof(where.sun_path), "%s/" CONTROL_SOCKET, folder);

    if (length >= (int)sizeof(where.sun_path)) {
        return fault(why, FAULT_LIMIT, "%s is too long for a socket's path", folder);
    }
    (void)unlink(where.sun_path);
    if (listener < 0 || bind(listener, (const struct sockaddr *)&where, sizeof(where)) < 0 ||
        listen(listener, BACKLOG) < 0) {
        return fault_sys(why, -errno, "listen at %s", where.sun_path);
    }
    (void)chmod(where.sun_path, 0600);
    *ret = TAKE_FD(listener);
    return 0;
}

int control_new(const struct control_tools *tools, own struct control **ret, struct fault *why)
{
    struct control *control = NEW(struct control);

    control->tools = *tools;
    control->listener = -1;
    TAILQ_INIT(&control->callers);
    control->again = loop_timer_new(tools->loop, accept_again, control);
    if (listener_open(tools->folder, &control->listener, why) < 0) {
        (void)control_free(control);
        return -1;
    }
    control->io =
        loop_watch(tools->loop, control->listener, LOOP_READ, listener_ready, control);
    if (!control->io) {
        (void)control_free(control);
        return fault(why, FAULT_SYSTEM, "the control socket cannot be waited for");
    }
    *ret = control;
    return 0;
}

struct control *control_free(own struct control *control)
{
    struct caller *caller = NULL;

    if (control) {
        while ((caller = TAILQ_FIRST(&control->callers)) != NULL) {
            caller_free(caller);
        }
        control->io = loop_io_close(control->io);
        control->again = loop_timer_free(control->again);
        control->listener = fd_close(control->listener);
        free(control);
    }
    return NULL;
}

size_t control_callers(const struct control *control)
{
    return control->count;
}

int control_listener(const struct control *control)
{
    return control->listener;
}
