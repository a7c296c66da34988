/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between supervisor and worker, in both directions. Whatever decodes has texts that end
 * and are printable, and encodes to something that decodes to the same.
 */
#include <assert.h>
#include <string.h>

#include "base/fault.h"
#include "runtime/wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room)
{
    size_t length = strnlen(text, room);

    assert(length < room);
    for (size_t i = 0; i < length; i++) {
        assert((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
    }
}

static void check_texts(const struct message *message)
{
    if (message->kind == MESSAGE_READY) {
        check_text(message->ready.walls, sizeof(message->ready.walls));
    } else if (message->kind == MESSAGE_LOADED) {
        check_text(message->loaded.text, sizeof(message->loaded.text));
    } else if (message->kind == MESSAGE_STARTED) {
        check_text(message->started.text, sizeof(message->started.text));
    } else if (message->kind == MESSAGE_EXITED) {
        check_text(message->exited.text, sizeof(message->exited.text));
    } else if (message->kind == MESSAGE_LOG) {
        check_text(message->log.text, sizeof(message->log.text));
    }
}

static void try_direction(struct text packet, size_t fds, enum message_direction direction)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);
    struct fault why = {0};
    struct message message;
    struct message again;

    memset(&message, 0, sizeof(message));
    memset(&again, 0, sizeof(again));
    if (message_decode(packet, fds, direction, &message, &why) < 0) {
        assert(why.text[0] != '\0');
        return;
    }
    assert(message_fds(&message) == fds && fds <= MESSAGE_FDS_MAX);
    check_texts(&message);
    message_encode(&message, &bytes);
    assert(!bytes.overflow && bytes.length == packet.length);
    packet.at = (const char *)bytes.data;
    assert(message_decode(packet, fds, direction, &again, &why) == 0);
    assert(memcmp(&message, &again, sizeof(message)) == 0);
}

/* The first byte is the number of descriptors; the rest is the packet. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        struct text packet = {(const char *)data + 1, size - 1};

        try_direction(packet, data[0], MESSAGE_DOWN);
        try_direction(packet, data[0], MESSAGE_UP);
    }
    return 0;
}
