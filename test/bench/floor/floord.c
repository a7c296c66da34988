/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread over all connections. A call is a frame whose data names a method; the answer is a frame
 * with bytes that were fixed beforehand. A task is always one that has ended with 0.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/bench/floor/floor.h"

enum { HEAD = 10, FRAME_MAX = 65536, EVENTS_MAX = 64 };

struct connection {
    int fd;
    size_t length;
    uint8_t bytes[FRAME_MAX];
};

/* FLOOR_PID as protobuf writes it. */
#define PID 0x81, 0x80, 0x80, 0x02

/* What is not here is answered with nothing at all. Wait and Delete end one second after 1970. */
static const struct answer {
    const char *method;
    uint8_t length;
    uint8_t bytes[16];
} answers[] = {
    {"Create", 5, {0x08, PID}},                                         /* pid */
    {"Start", 5, {0x08, PID}},                                          /* pid */
    {"State", 7, {0x18, PID, 0x20, 0x03}},                              /* pid, stopped */
    {"Connect", 10, {0x08, PID, 0x10, PID}},                            /* shim's pid, task's pid */
    {"Wait", 4, {0x12, 0x02, 0x08, 0x01}},                              /* exited at */
    {"Delete", 9, {0x08, PID, 0x1a, 0x02, 0x08, 0x01}},                 /* pid, exited at */
    {"Pids", 7, {0x0a, 0x05, 0x08, PID}},                               /* one process */
};

static const struct answer nothing = {"", 0, {0}};

/* ttrpc's Request: field 1 is the service, field 2 the method; both are shorter than 128 bytes. */
static const struct answer *answer_to(const uint8_t *request, size_t length)
{
    size_t at = length > 2 ? 2U + request[1] : length;

    if (at + 2 > length || request[0] != 0x0a || request[at] != 0x12 ||
        at + 2 + request[at + 1] > length) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (strlen(answers[i].method) == request[at + 1] &&
            memcmp(answers[i].method, request + at + 2, request[at + 1]) == 0) {
            return &answers[i];
        }
    }
    return &nothing;
}

static int send_answer(int fd, const uint8_t *head, const struct answer *answer)
{
    uint8_t frame[HEAD + 2 + sizeof(answer->bytes)] = {0};
    size_t length = answer->length > 0 ? 2U + answer->length : 0;

    frame[3] = (uint8_t)length;
    memcpy(frame + 4, head + 4, 4); /* the stream */
    frame[8] = 2;                   /* a response */
    frame[HEAD] = 0x12;             /* its payload */
    frame[HEAD + 1] = answer->length;
    memcpy(frame + HEAD + 2, answer->bytes, answer->length);
    return send(fd, frame, HEAD + length, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Answers each whole frame. Return: -1 when the connection is to end. */
static int answer_all(struct connection *connection)
{
    size_t at = 0;

    while (connection->length - at >= HEAD) {
        const uint8_t *head = connection->bytes + at;
        size_t length = (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        const struct answer *answer = NULL;

        if (head[0] != 0 || length > FRAME_MAX - HEAD) {
            return -1;
        }
        if (connection->length - at < HEAD + length) {
            break;
        }
        answer = answer_to(head + HEAD, length);
        if (!answer || send_answer(connection->fd, head, answer) < 0) {
            return -1;
        }
        at += HEAD + length;
    }
    connection->length -= at;
    memmove(connection->bytes, connection->bytes + at, connection->length);
    return 0;
}

/* Return: -1 when the connection has ended. */
static int hear(struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->bytes + connection->length,
                       FRAME_MAX - connection->length, 0);

    if (got < 0 && errno == EINTR) {
        return 0;
    }
    if (got <= 0) {
        return -1;
    }
    connection->length += (size_t)got;
    return answer_all(connection);
}

static int welcome(int poll)
{
    int fd = accept4(FLOOR_LISTENER, NULL, NULL, SOCK_CLOEXEC);
    struct connection *connection = fd < 0 ? NULL : malloc(sizeof(*connection));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    if (!connection) {
        return 0;
    }
    connection->fd = fd;
    connection->length = 0;
    (void)epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    return 1;
}

static int part(struct connection *connection)
{
    (void)close(connection->fd);
    free(connection);
    return -1;
}

int main(void)
{
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS_MAX] = {{.events = EPOLLIN, .data.ptr = NULL}};
    int connections = 0;

    (void)epoll_ctl(poll, EPOLL_CTL_ADD, FLOOR_LISTENER, &events[0]);
    for (;;) {
        int count = epoll_wait(poll, events, EVENTS_MAX, FLOOR_IDLE_SECONDS * 1000);

        if (count == 0 && connections == 0) {
            return 0;
        }
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;

            if (!connection) {
                connections += welcome(poll);
            } else if (hear(connection) < 0) {
                connections += part(connection);
            }
        }
    }
}
