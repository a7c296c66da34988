/* SPDX-License-Identifier: Apache-2.0 */
/* skepd holds one connection, so one is served at a time. */
#include "test/bench/drive/sink.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "shim/ttrpc/frame.h"
#include "test/bench/drive/wire.h"

enum { READ_STEP = 65536, ROOM = FRAME_HEADER_BYTES + FRAME_BODY_MAX + READ_STEP };

static uint64_t taken;
static int listener = -1;

static bool answer(int fd, const struct frame *frame)
{
    AUTO(buf_fini) struct buf bytes = BUF(256);
    const struct frame thanks = {.type = FRAME_RESPONSE, .stream = frame->stream};

    frame_put(&bytes, &thanks);
    (void)__atomic_add_fetch(&taken, 1, __ATOMIC_RELAXED);
    return send(fd, bytes.data, bytes.length, MSG_NOSIGNAL) == (ssize_t)bytes.length;
}

static void serve(int fd)
{
    AUTO(buf_fini) struct buf in = BUF(ROOM);
    bool lives = true;

    while (lives) {
        uint8_t *at = buf_reserve(&in, READ_STEP);
        ssize_t got = at ? recv(fd, at, READ_STEP, 0) : 0;
        struct cursor cursor;
        struct frame frame;

        lives = got > 0;
        in.length += lives ? (size_t)got : 0;
        cursor = cursor_over(in.data, in.length);
        while (lives && frame_read(&cursor, &frame) == FRAME_READY) {
            lives = answer(fd, &frame);
        }
        buf_drop(&in, in.length - cursor_left(&cursor));
    }
}

static void *run(void *unused)
{
    (void)unused;
    for (;;) {
        AUTO(fd_close) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            serve(fd);
        }
    }
    return NULL;
}

void sink_start(const char *path)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    pthread_t thread;

    (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s", path);
    (void)unlink(path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (const struct sockaddr *)&where, sizeof(where)) < 0 ||
        listen(listener, 16) < 0) {
        die("listen at %s: %s", path, strerror(errno));
    }
    if (pthread_create(&thread, NULL, run, NULL) != 0) {
        die("no thread for events");
    }
    (void)pthread_detach(thread);
}

uint64_t sink_taken(void)
{
    return __atomic_load_n(&taken, __ATOMIC_RELAXED);
}
