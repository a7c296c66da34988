/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker for tests. The domain says how it behaves as a whole; the words after the first of a
 * task's arguments say what the task does:
 *
 *   exit N        ends by itself with N            trap, oom, fail   ends so
 *   wait          until it is killed or drained; its text counts UPDATE, PAUSE and RESUME
 *   refuse        STARTED says no                  die               the worker dies before STARTED
 *   die-running   the worker dies behind STARTED   count N           counts N in its slot, exits
 * A part writes its name and its first argument to its stdout when it is told.
 *
 *   say           writes pid, folders and limit to stdout, exits
 *   parts         exits with how many parts it has
 *   accept        accepts a connection of its listener, exits
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "runtime/grant/grant.h"
#include "runtime/stats/page.h"
#include "runtime/wire/message.h"

enum { SOCKET = 3, TASKS_MAX = 4096 };

static const char *domain;
static struct stats_page *page;
static struct waiting {
    uint64_t task;
    unsigned updates;
    unsigned pauses;
    unsigned resumes;
} waiting[TASKS_MAX];
static size_t waiting_count;

static void die(void)
{
    const struct rlimit none = {0};

    (void)setrlimit(RLIMIT_CORE, &none);
    abort();
}

static void must(int done)
{
    if (done < 0) {
        _exit(96);
    }
}

static void send_message(const struct message *message)
{
    struct buf bytes = BUF(MESSAGE_BYTES_MAX);

    message_encode(message, &bytes);
    must(fd_send(SOCKET, bytes.data, bytes.length, NULL, 0));
    buf_fini(&bytes);
}

static void send_exited(uint64_t task, uint32_t how, uint32_t code, const char *text)
{
    struct message message = {.kind = MESSAGE_EXITED,
                              .exited = {.task = task, .how = how, .code = code}};

    message_set_text(message.exited.text, sizeof(message.exited.text), text);
    send_message(&message);
}

static void send_started(uint64_t task, bool ok)
{
    struct message message = {.kind = MESSAGE_STARTED, .started = {.task = task, .ok = ok ? 1 : 0}};

    message_set_text(message.started.text, sizeof(message.started.text), ok ? "" : "no room");
    send_message(&message);
}

/* Adds a byte to PATH.here, then blocks until somebody opens the other end of a FIFO. */
static void hold(const char *path)
{
    char mark[512];
    int fd;

    (void)snprintf(mark, sizeof(mark), "%s.here", path);
    fd = open(mark, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    must(fs_write_all(fd, ".", 1));
    (void)close(fd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)close(fd);
}

static void on_hello(const struct message *message, const int *fds)
{
    struct message ready = {.kind = MESSAGE_READY, .ready = {.instances = 1, .complete = 1}};
    struct fault why;

    if (message->hello.version != MESSAGE_VERSION || stats_page_map(fds[0], &page, &why) < 0) {
        _exit(95);
    }
    if (strcmp(domain, "exits-at-start") == 0) {
        struct message line = {.kind = MESSAGE_LOG, .log = {.level = 3}};

        message_set_text(line.log.text, sizeof(line.log.text), "no pagemap");
        send_message(&line);
        _exit(3);
    }
    if (strcmp(domain, "loads-unasked") == 0) {
        struct message loaded = {.kind = MESSAGE_LOADED, .loaded = {.component = 9, .ok = 1}};

        send_message(&loaded);
    }
    message_set_text(ready.ready.walls, sizeof(ready.ready.walls), "all of them");
    send_message(&ready);
    if (strcmp(domain, "ready-twice") == 0) {
        send_message(&ready);
    } else if (strcmp(domain, "garbage") == 0) {
        must(fd_send(SOCKET, "\x42garbage", 8, NULL, 0));
    } else if (strcmp(domain, "brings-fds") == 0) {
        struct buf bytes = BUF(MESSAGE_BYTES_MAX);
        int fd = 0;

        message_encode(&ready, &bytes);
        must(fd_send(SOCKET, bytes.data, bytes.length, &fd, 1));
    } else if (strcmp(domain, "exits-unasked") == 0) {
        send_exited(12345, MESSAGE_EXITED_BY_ITSELF, 0, "");
    } else if (strcmp(domain, "starts-unasked") == 0) {
        send_started(12345, true);
    }
}

static void on_load(const struct message *message, const int *fds)
{
    struct message loaded = {.kind = MESSAGE_LOADED,
                             .loaded = {.component = message->load.component, .ok = 1}};
    char word[32] = "";
    struct stat there;

    if (strcmp(domain, "dies-at-load") == 0) {
        die();
    }
    if (strncmp(domain, "dies-once:", 10) == 0 && stat(domain + 10, &there) < 0) {
        (void)close(open(domain + 10, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        die();
    }
    if (strncmp(domain, "stalls:", 7) == 0) {
        hold(domain + 7);
    }
    if (pread(fds[0], word, sizeof(word) - 1, 0) < 0) {
        _exit(94);
    }
    loaded.loaded.kind = strcmp(word, "server") == 0 ? MESSAGE_SERVER : MESSAGE_COMMAND;
    if (strcmp(domain, "refuses-to-load") == 0) {
        loaded.loaded.ok = 0;
        message_set_text(loaded.loaded.text, sizeof(loaded.loaded.text), "for another machine");
    } else if (strcmp(domain, "disagrees") == 0) {
        loaded.loaded.kind = MESSAGE_LIBRARY;
    }
    send_message(&loaded);
    if (strcmp(domain, "loads-twice") == 0) {
        send_message(&loaded);
    }
}

static void say(const struct grant *grant, int out)
{
    char text[2048];
    int length = snprintf(text, sizeof(text), "pid=%d memory=%llu", getpid(),
                          (unsigned long long)grant->limits.memory_bytes);

    for (size_t i = 0; i < grant->folders_count; i++) {
        length += snprintf(text + length, sizeof(text) - (size_t)length, " %s:%s",
                           grant->folders[i].guest, grant->folders[i].read_only ? "ro" : "rw");
    }
    must(fs_write_all(out, text, (size_t)length));
}

static void on_part(const struct message *message, const int *fds)
{
    const struct message_part *part = &message->part;
    struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct grant *grant = NULL;
    struct cursor in;
    struct fault why;

    if (fs_read_fd(fds[0], "grant", &bytes, &why) < 0) {
        _exit(90);
    }
    in = cursor_over(bytes.data, bytes.length);
    if (grant_decode(&in, &grant, &why) < 0) {
        _exit(89);
    }
    if ((part->present & MESSAGE_STDOUT) != 0) {
        (void)dprintf(fds[1 + ((part->present & MESSAGE_STDIN) != 0 ? 1 : 0)], "%s: %s %zu\n",
                      part->name, grant->args[1], grant->folders_count);
    }
    (void)grant_free(grant);
    buf_fini(&bytes);
}

static uint32_t accept_one(int listener)
{
    struct pollfd wanted = {.fd = listener, .events = POLLIN};
    int fd;

    (void)poll(&wanted, 1, 10000);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    (void)fd_close(fd);
    return fd < 0 ? 1U : 0U;
}

static void task_run(const struct message_start *start, const struct grant *grant, const int *fds)
{
    const char *what = grant->args_count > 1 ? grant->args[1] : "exit";
    uint32_t number = grant->args_count > 2 ? (uint32_t)strtoul(grant->args[2], NULL, 10) : 0;
    struct engine_counters *counters = stats_page_counters(page, start->slot);
    int next = 1 + ((start->present & MESSAGE_STDIN) != 0 ? 1 : 0);
    int out = (start->present & MESSAGE_STDOUT) != 0 ? fds[next] : -1;

    next += (start->present & MESSAGE_STDOUT) != 0 ? 1 : 0;
    next += (start->present & MESSAGE_STDERR) != 0 ? 1 : 0;
    if (strcmp(what, "die") == 0) {
        die();
    }
    if (strcmp(what, "refuse") == 0) {
        send_started(start->task, false);
        return;
    }
    send_started(start->task, true);
    if (strcmp(what, "parts") == 0) {
        send_exited(start->task, MESSAGE_EXITED_BY_ITSELF, start->parts, "");
    } else if (strcmp(what, "die-running") == 0) {
        die();
    } else if (strcmp(what, "trap") == 0) {
        send_exited(start->task, MESSAGE_TRAPPED, 0, "unreachable was reached");
    } else if (strcmp(what, "oom") == 0) {
        send_exited(start->task, MESSAGE_OOM, 0, "");
    } else if (strcmp(what, "fail") == 0) {
        send_exited(start->task, MESSAGE_FAILED, 0, "no such export");
    } else if (strcmp(what, "wait") == 0) {
        waiting[waiting_count++] = (struct waiting){.task = start->task};
    } else if (strcmp(what, "say") == 0) {
        say(grant, out);
        send_exited(start->task, MESSAGE_EXITED_BY_ITSELF, 0, "");
    } else if (strcmp(what, "accept") == 0) {
        send_exited(start->task, MESSAGE_EXITED_BY_ITSELF, accept_one(fds[next]), "");
    } else {
        if (strcmp(what, "count") == 0) {
            struct engine_latency *latency = stats_page_latency(page, start->slot);

            counters->requests = number;
            counters->in_flight = 1;
            latency->sum_ns = UINT64_C(1000) * number;
            latency->buckets[0] = number;
        }
        send_exited(start->task, MESSAGE_EXITED_BY_ITSELF, strcmp(what, "exit") == 0 ? number : 0,
                    "");
    }
}

static void on_start(const struct message *message, const int *fds)
{
    struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct grant *grant = NULL;
    struct cursor in;
    struct fault why;

    if (fs_read_fd(fds[0], "grant", &bytes, &why) < 0) {
        _exit(93);
    }
    in = cursor_over(bytes.data, bytes.length);
    if (grant_decode(&in, &grant, &why) < 0) {
        _exit(92);
    }
    task_run(&message->start, grant, fds);
    (void)grant_free(grant);
    buf_fini(&bytes);
}

static struct waiting *find_waiting(uint64_t task)
{
    for (size_t i = 0; i < waiting_count; i++) {
        if (waiting[i].task == task) {
            return &waiting[i];
        }
    }
    return NULL;
}

static void stop_waiting(uint64_t task, uint32_t how)
{
    struct waiting *one = find_waiting(task);
    char text[64];

    if (one) {
        (void)snprintf(text, sizeof(text), "updates=%u pauses=%u resumes=%u", one->updates,
                       one->pauses, one->resumes);
        send_exited(task, how, 0, text);
        *one = waiting[--waiting_count];
    }
}

static void on_message(const struct message *message, const int *fds)
{
    struct waiting *one = NULL;

    switch ((unsigned)message->kind) {
    case MESSAGE_HELLO:
        on_hello(message, fds);
        break;
    case MESSAGE_LOAD:
        on_load(message, fds);
        break;
    case MESSAGE_PART:
        on_part(message, fds);
        break;
    case MESSAGE_START:
        on_start(message, fds);
        break;
    case MESSAGE_KILL:
        stop_waiting(message->kill.task, MESSAGE_KILLED);
        break;
    case MESSAGE_DRAIN:
        stop_waiting(message->drain.task, MESSAGE_STOPPED);
        break;
    case MESSAGE_UPDATE:
        one = find_waiting(message->update.task);
        one->updates++;
        break;
    case MESSAGE_PAUSE:
        one = find_waiting(message->pause.task);
        one->pauses++;
        break;
    case MESSAGE_RESUME:
        one = find_waiting(message->resume.task);
        one->resumes++;
        break;
    default:
        break;
    }
}

int main(int argc, char **argv)
{
    char bytes[MESSAGE_BYTES_MAX];
    int fds[FD_PACKET_FDS_MAX];
    struct message message;
    struct fault why;

    if (argc < 2) {
        return 91;
    }
    domain = argv[1];
    if (strcmp(domain, "dies-at-start") == 0) {
        die();
    }
    for (;;) {
        size_t count = ARRAY_SIZE(fds);
        int got = fd_receive(SOCKET, bytes, sizeof(bytes), fds, &count);

        if (got <= 0) {
            return 0;
        }
        if (message_decode((struct text){bytes, (size_t)got}, count, MESSAGE_DOWN, &message, &why) <
            0) {
            return 90;
        }
        on_message(&message, fds);
        for (size_t i = 0; i < count; i++) {
            (void)fd_close(fds[i]);
        }
    }
}
