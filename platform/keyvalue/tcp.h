/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a server, by WASI's sockets.
 *
 * Belongs here: names, connecting, bytes, and how long is waited. Does not belong here: what the bytes
 * mean (redis).
 */
#pragma once

#include "platform/file.h"

enum {
    TCP_SECONDS = 5, /* for each wait: for a name, a connection, room to write, bytes to read */
};

/* Each returns false with the reason in @why, the caller's to free, and then nothing is connected. */

/** tcp_open() - connect to the first address of a name that answers */
bool tcp_open(const char *host, uint16_t port, struct bytes *why);

/** tcp_is_open() - is something connected? */
bool tcp_is_open(void);

/** tcp_close() - disconnect, if anything is connected */
void tcp_close(void);

/** tcp_write() - all of these bytes */
bool tcp_write(const uint8_t *at, size_t count, struct bytes *why);

/** tcp_read() - 1 to @most bytes, as soon as there are any */
bool tcp_read(uint8_t *into, size_t most, size_t *ret_count, struct bytes *why);
