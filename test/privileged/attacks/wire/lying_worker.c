/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lying-worker DOMAIN: says what a worker says until its first task runs, then what lies.def has for
 * that domain; in domain "honest" the task ends by itself with status 7. Its own end afterwards is
 * by the supervisor's hand, or after PATIENCE_S.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "runtime/stats/page.h"
#include "runtime/wire/message.h"

enum { SOCKET = 3, PATIENCE_S = 30, LINES = 200000, PACKETS = 100000, LARGE = 20000 };

static uint64_t task;
static int page = -1;

static void must(bool holds)
{
    if (!holds) {
        _exit(96);
    }
}

static void send_bytes(const void *bytes, size_t length, const int *fds, size_t count)
{
    /* A supervisor that has ended the talk is what was wanted. */
    if (fd_send(SOCKET, bytes, length, fds, count) < 0) {
        _exit(0);
    }
}

static void send_message(const struct message *message, const int *fds, size_t count)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);

    message_encode(message, &bytes);
    send_bytes(bytes.data, bytes.length, fds, count);
}

/* An EXITED as bytes, for those that change them: kind, task, how, code, length of the text. */
enum { AT_HOW = 9, AT_CODE = 13, AT_LENGTH = 17, AT_TEXT = 21 };

static void encode_exited(struct buf *bytes)
{
    struct message message = {.kind = MESSAGE_EXITED, .exited = {.task = task}};

    message_set_text(message.exited.text, sizeof(message.exited.text), "words");
    message_encode(&message, bytes);
    must(bytes->length > AT_TEXT);
}

/* EXITED with @value at @at, and @more bytes at its end. */
static void send_changed(size_t at, uint32_t value, int more)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);

    encode_exited(&bytes);
    if (at > 0) {
        memcpy(bytes.data + at, &value, sizeof(value));
    }
    for (int i = 0; i < more; i++) {
        buf_put_u8(&bytes, 'x');
    }
    send_bytes(bytes.data, more < 0 ? bytes.length - 1 : bytes.length, NULL, 0);
}

static void send_exited(uint64_t which)
{
    const struct message message = {.kind = MESSAGE_EXITED, .exited = {.task = which}};

    send_message(&message, NULL, 0);
}

static void send_started(uint64_t which)
{
    const struct message message = {.kind = MESSAGE_STARTED, .started = {.task = which, .ok = 1}};

    send_message(&message, NULL, 0);
}

/* ---- lies ---- */

static void say_ready(void)
{
    send_message(&(struct message){.kind = MESSAGE_READY, .ready = {.complete = 1}}, NULL, 0);
}

static void say_loaded_unasked(void)
{
    send_message(&(struct message){.kind = MESSAGE_LOADED, .loaded = {.component = 4711, .ok = 1}},
                 NULL, 0);
}

static void say_started_again(void)
{
    send_started(task);
}

/* Numbers of tasks are counted up in each worker; the neighbour's are among these. */
static void say_started_foreign(void)
{
    send_started(task + 1);
}

static void say_exited_foreign(void)
{
    send_exited(task + 1);
}

static void say_exited_twice(void)
{
    send_exited(task);
    send_exited(task);
}

static void say_start_upwards(void)
{
    const int fd = page;

    send_message(&(struct message){.kind = MESSAGE_START, .start = {.task = 1}}, &fd, 1);
}

static void say_unknown(void)
{
    send_bytes("\xee\1\2\3\4", 5, NULL, 0);
}

static void say_cut(void)
{
    send_changed(0, 0, -1);
}

static void say_longer(void)
{
    send_changed(0, 0, 1);
}

static void say_long_text(void)
{
    send_changed(AT_LENGTH, 6, 0);
}

static void say_largest_text(void)
{
    send_changed(AT_LENGTH, UINT32_MAX, 0);
}

static void say_large(void)
{
    static const uint8_t bytes[LARGE] = {MESSAGE_EXITED};

    send_bytes(bytes, sizeof(bytes), NULL, 0);
}

static void say_odd_end(void)
{
    send_changed(AT_HOW, MESSAGE_FAILED + 1, 0);
}

static void say_odd_code(void)
{
    send_changed(AT_CODE, 256, 0);
}

static void say_with_descriptors_of(size_t count)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);
    int fds[FD_PACKET_FDS_MAX];

    for (size_t i = 0; i < count; i++) {
        fds[i] = page;
    }
    encode_exited(&bytes);
    send_bytes(bytes.data, bytes.length, fds, count);
}

static void say_with_descriptor(void)
{
    say_with_descriptors_of(1);
}

static void say_with_descriptors(void)
{
    say_with_descriptors_of(FD_PACKET_FDS_MAX);
}

static void say_listener_again(void)
{
    const int fd = page;

    send_message(&(struct message){.kind = MESSAGE_READY, .ready = {.sockets = 1}}, &fd, 1);
}

static void say_control_text(void)
{
    send_changed(AT_TEXT, 0x4b325b1b, 0); /* ESC [ 2 K */
    say_unknown();
}

static void say_flood_log(void)
{
    struct message line = {.kind = MESSAGE_LOG, .log = {.level = 3}};

    message_set_text(line.log.text, sizeof(line.log.text), "all is well");
    for (int i = 0; i < LINES; i++) {
        send_message(&line, NULL, 0);
    }
    say_unknown();
}

static void say_flood_random(void)
{
    uint8_t bytes[512];
    unsigned seed = 1;

    for (int i = 0; i < PACKETS; i++) {
        size_t length = 1 + (size_t)rand_r(&seed) % sizeof(bytes);

        for (size_t j = 0; j < length; j++) {
            bytes[j] = (uint8_t)rand_r(&seed);
        }
        send_bytes(bytes, length, NULL, 0);
    }
}

static void cut_page(void)
{
    must(ftruncate(page, 0) < 0);
    say_unknown();
}

static void write_over_page(void)
{
    struct stat about = {0};
    void *at;

    must(fstat(page, &about) == 0);
    at = mmap(NULL, (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    must(at != MAP_FAILED);
    memset(at, 0xff, (size_t)about.st_size);
    send_exited(task);
    say_unknown();
}

static void close_and_live(void)
{
    (void)close(SOCKET);
}

static const struct lie {
    const char *id;
    void (*say)(void);
} lies[] = {
#define LIE(id, words, function, end, answer) {id, function},
#include "test/privileged/attacks/wire/lies.def"
#undef LIE
};

/* ---- what every worker says ---- */

static void on_start(const char *domain, const struct message *message)
{
    task = message->start.task;
    send_started(task);
    if (strcmp(domain, "honest") == 0) {
        send_message(&(struct message){.kind = MESSAGE_EXITED, .exited = {.task = task, .code = 7}},
                     NULL, 0);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
        if (strcmp(domain, lies[i].id) == 0) {
            lies[i].say();
            (void)alarm(PATIENCE_S);
            for (;;) {
                (void)pause();
            }
        }
    }
    _exit(95);
}

static void on_message(const char *domain, const struct message *message, const int *fds)
{
    if (message->kind == MESSAGE_HELLO) {
        page = fd_duplicate(fds[0]);
        send_message(&(struct message){.kind = MESSAGE_READY,
                                       .ready = {.instances = 1, .complete = 1}},
                     NULL, 0);
    } else if (message->kind == MESSAGE_LOAD) {
        send_message(&(struct message){.kind = MESSAGE_LOADED,
                                       .loaded = {.component = message->load.component,
                                                  .ok = 1,
                                                  .kind = MESSAGE_COMMAND}},
                     NULL, 0);
    } else if (message->kind == MESSAGE_START) {
        on_start(domain, message);
    }
}

int main(int argc, char **argv)
{
    char bytes[MESSAGE_BYTES_MAX];
    int fds[FD_PACKET_FDS_MAX];
    struct message message;
    struct fault why;

    must(argc >= 2);
    for (;;) {
        size_t count = ARRAY_SIZE(fds);
        int got = fd_receive(SOCKET, bytes, sizeof(bytes), fds, &count);

        if (got <= 0) {
            return 0;
        }
        must(message_decode((struct text){bytes, (size_t)got}, count, MESSAGE_DOWN, &message,
                            &why) == 0);
        on_message(argv[1], &message, fds);
        for (size_t i = 0; i < count; i++) {
            (void)fd_close(fds[i]);
        }
    }
}
