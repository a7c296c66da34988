/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep-images as tests of its client need it: what it does is the id of the container.
 *
 *   artifact…  answers with a component          fail…     answers with a fault
 *   die…       dies without an answer            once      dies, unless its address folder says that
 *   garbage    sends no packet of the protocol             it has already done so
 *   mute       does not answer                   bare      claims a component, sends none
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fs.h"
#include "oci/images/protocol.h"

static const char component[] = "\0asm\x0d\0\1\0";

static void answer(struct protocol_answer *told, int wasm)
{
    AUTO(buf_fini) struct buf packet = BUF(PROTOCOL_PACKET_MAX);

    protocol_put_answer(&packet, told);
    if (fd_send(PROTOCOL_FD, packet.data, packet.length, &wasm, wasm >= 0 ? 1 : 0) < 0) {
        _exit(9);
    }
}

static void answer_found(uint32_t id, int wasm)
{
    struct protocol_answer told = {.kind = PROTOCOL_FOUND, .id = id};

    told.image = (struct image){IMAGE_ARTIFACT, "sha256:m", "sha256:c", -1};
    answer(&told, wasm);
}

static bool starts(const struct protocol_question *question, const char *word)
{
    return strncmp(question->container, word, strlen(word)) == 0;
}

static bool is_second_time(const char *folder)
{
    char path[4200];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/died", folder);
    fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    (void)fd_close(fd);
    return fd < 0;
}

static void act(const struct protocol_question *question, int file, const char *folder)
{
    struct protocol_answer told = {.kind = PROTOCOL_FAILED, .id = question->id};
    AUTO(fd_close) int wasm = fs_memory("component", component, 8);

    if (question->kind == PROTOCOL_HASH) {
        answer_found(question->id, file);
    } else if (starts(question, "artifact")) {
        answer_found(question->id, wasm);
    } else if (starts(question, "fail")) {
        (void)fault(&told.fault, FAULT_UNSUPPORTED, "this is %s", question->container);
        answer(&told, -1);
    } else if (starts(question, "die") || (starts(question, "once") && !is_second_time(folder))) {
        _exit(3);
    } else if (starts(question, "once")) {
        answer_found(question->id, wasm);
    } else if (starts(question, "garbage")) {
        (void)!write(PROTOCOL_FD, "nonsense", 8);
    } else if (starts(question, "bare")) {
        answer_found(question->id, -1);
    }
}

int main(int argc, char **argv)
{
    for (;;) {
        uint8_t bytes[PROTOCOL_PACKET_MAX];
        struct protocol_question question;
        size_t count = 1;
        int file = -1;
        int got = fd_receive(PROTOCOL_FD, bytes, sizeof(bytes), &file, &count);

        if (got <= 0 || argc != 3 ||
            !protocol_read_question(cursor_over(bytes, (size_t)got), &question)) {
            return 0;
        }
        act(&question, file, argv[1]);
        (void)fd_close(file);
    }
}
