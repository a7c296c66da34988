/* SPDX-License-Identifier: Apache-2.0 */
#include "test/bench/drive/wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "shim/control.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/ttrpc/frame.h"
#include "shim/ttrpc/message.h"

enum { READ_STEP = 4096, REQUEST_MAX = 65536 };

void die(const char *format, ...)
{
    va_list values;

    (void)fputs("drive: ", stderr);
    va_start(values, format);
    (void)vfprintf(stderr, format, values);
    va_end(values);
    (void)fputc('\n', stderr);
    exit(1);
}

static int connect_to(const char *path, int type)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&where, sizeof(where)) < 0) {
        die("connect to %s: %s", path, strerror(errno));
    }
    return fd;
}

void wire_start(const char *control, const char *id, const char *bundle, char ret[108])
{
    static const char prefix[] = "unix://";
    const char *const texts[] = {"default", id, bundle, "", "", CONTROL_DOMAIN_NAMESPACE};
    AUTO(buf_fini) struct buf packet = BUF(CONTROL_BYTES_MAX);
    AUTO(fd_close) int fd = connect_to(control, SOCK_SEQPACKET);
    char answer[CONTROL_BYTES_MAX + 1] = "";
    ssize_t got;

    buf_put_u8(&packet, CONTROL_START);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        buf_put(&packet, texts[i], strlen(texts[i]) + 1);
    }
    if (send(fd, packet.data, packet.length, MSG_NOSIGNAL) < 0) {
        die("announce %s: %s", id, strerror(errno));
    }
    got = recv(fd, answer, CONTROL_BYTES_MAX, 0);
    if (got <= 0 || answer[0] != CONTROL_OURS ||
        strncmp(answer + 1, prefix, sizeof(prefix) - 1) != 0) {
        die("announce %s: %s", id, got > 0 ? answer : "no answer");
    }
    (void)snprintf(ret, 108, "%s", answer + sizeof(prefix));
}

void line_open(struct line *line, const char *path)
{
    *line = (struct line){.socket = connect_to(path, SOCK_STREAM),
                          .in = BUF(FRAME_HEADER_BYTES + FRAME_BODY_MAX + READ_STEP)};
}

void line_close(struct line *line)
{
    line->socket = fd_close(line->socket);
    buf_fini(&line->in);
}

uint32_t line_send(struct line *line, const char *method, const ProtobufCMessage *message)
{
    AUTO(buf_fini) struct buf payload = BUF(REQUEST_MAX);
    AUTO(buf_fini) struct buf body = BUF(REQUEST_MAX);
    AUTO(buf_fini) struct buf bytes = BUF(REQUEST_MAX);
    Ttrpc__KeyValue space = TTRPC__KEY_VALUE__INIT;
    Ttrpc__KeyValue *metadata[] = {&space};
    Ttrpc__Request request = TTRPC__REQUEST__INIT;
    struct frame frame = {.type = FRAME_REQUEST};

    message_pack(message, &payload);
    space.key = (char *)(uintptr_t) "containerd-namespace-ttrpc";
    space.value = (char *)(uintptr_t) "default";
    request.service = (char *)(uintptr_t) "containerd.task.v2.Task";
    request.method = (char *)(uintptr_t)method;
    request.payload.data = payload.data;
    request.payload.len = payload.length;
    request.metadata = metadata;
    request.n_metadata = ARRAY_SIZE(metadata);
    message_pack(&request.base, &body);
    line->stream = line->stream == 0 ? 1 : line->stream + 2;
    frame.stream = line->stream;
    frame.body = (struct text){(const char *)body.data, body.length};
    frame_put(&bytes, &frame);
    if (send(line->socket, bytes.data, bytes.length, MSG_NOSIGNAL) != (ssize_t)bytes.length) {
        die("%s: %s", method, strerror(errno));
    }
    return line->stream;
}

static own ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *type, struct text bytes)
{
    ProtobufCMessage *message = NULL;
    struct fault why = {0};

    if (message_unpack(type, bytes, &message, &why) < 0) {
        die("%s", why.text);
    }
    return message;
}

static own ProtobufCMessage *read_answer(const struct frame *frame,
                                         const ProtobufCMessageDescriptor *type)
{
    AUTO(message_free) ProtobufCMessage *outer = unpack(&ttrpc__response__descriptor, frame->body);
    const Ttrpc__Response *response = (const Ttrpc__Response *)(const void *)outer;

    if (response->status && response->status->code != 0) {
        die("refused: %s", response->status->message);
    }
    return type ? unpack(type, (struct text){(const char *)response->payload.data,
                                             response->payload.len})
                : NULL;
}

static void line_read(struct line *line)
{
    uint8_t *at = buf_reserve(&line->in, READ_STEP);
    ssize_t got = at ? recv(line->socket, at, READ_STEP, 0) : -1;

    if (got <= 0) {
        die("skepd hung up: %s", got < 0 ? strerror(errno) : "end of the connection");
    }
    line->in.length += (size_t)got;
}

own ProtobufCMessage *line_answer(struct line *line, uint32_t stream,
                                  const ProtobufCMessageDescriptor *type)
{
    for (;;) {
        struct cursor in = cursor_over(line->in.data, line->in.length);
        struct frame frame;

        if (frame_read(&in, &frame) == FRAME_READY) {
            ProtobufCMessage *message = frame.stream == stream ? read_answer(&frame, type) : NULL;
            bool ours = frame.stream == stream;

            buf_drop(&line->in, line->in.length - cursor_left(&in));
            if (line->in.length == 0) {
                buf_fini(&line->in);
                line->in = BUF(FRAME_HEADER_BYTES + FRAME_BODY_MAX + READ_STEP);
            }
            if (ours) {
                return message;
            }
        } else {
            line_read(line);
        }
    }
}
