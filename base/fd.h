/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: owning them, and passing them over a packet socket.
 *
 * Belongs here: what any descriptor can do. Every descriptor is close-on-exec and rests at -1.
 * Does not belong here: opening paths (base/fs), what a packet means (runtime/wire and others).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/**
 * fd_close() - close, as a destructor
 * @fd: a descriptor, or negative for none
 *
 * Return: -1. Thread: any.
 */
int fd_close(int fd);
DEFINE_AUTO(int, fd_close)

/* Return: the duplicate, close-on-exec and above 2, or negative errno. */
int fd_duplicate(int fd) MUST_USE;
/* Return: 0 or negative errno. */
int fd_set_nonblocking(int fd, bool nonblocking) MUST_USE;

/**
 * fd_pair() - a connected pair of packet sockets (AF_UNIX, SOCK_SEQPACKET), close-on-exec
 * @ret: both ends, blocking
 *
 * Return: 0 or negative errno.
 */
int fd_pair(int ret[2]) MUST_USE;

/* Most descriptors that one packet carries (SCM_MAX_FD is 253). */
enum { FD_PACKET_FDS_MAX = 64, FD_PACKET_BYTES_MAX = 32768 };

/**
 * fd_send() - one packet with descriptors
 * @socket: SOCK_SEQPACKET
 * @bytes:  the packet, 1 to FD_PACKET_BYTES_MAX bytes
 * @length: its bytes
 * @fds:    borrowed; the receiver gets duplicates
 * @count:  0 to FD_PACKET_FDS_MAX
 *
 * Never raises SIGPIPE.
 *
 * Return: 0, or negative errno (-EAGAIN on a non-blocking socket that is full). Thread: any.
 */
int fd_send(int socket, const void *bytes, size_t length, const int *fds, size_t count) MUST_USE;

/**
 * fd_receive() - one packet with descriptors
 * @socket:    SOCK_SEQPACKET
 * @bytes:     room for the packet
 * @room:      its size; a longer packet is -EMSGSIZE and its descriptors are closed
 * @fds:       room for descriptors, which the caller then owns (close-on-exec)
 * @ret_count: in: room in @fds; out: how many came; more than fit is -EMSGSIZE, all closed
 *
 * Return: bytes of the packet, 0 at the end of the connection, or negative errno: -EMFILE when it
 * came with descriptors and this process may have no more. Thread: any.
 */
int fd_receive(int socket, void *bytes, size_t room, int *fds, size_t *ret_count) MUST_USE;

/* What came with a packet. */
struct fd_received {
    int fds[FD_PACKET_FDS_MAX]; /* the caller's, close-on-exec */
    size_t count;
    bool lost; /* there were descriptors, and this process may have no more: it got none */
};

/* The same for who can answer a packet whose descriptors were lost. Return: as above. */
int fd_receive_lossy(int socket, void *bytes, size_t room, struct fd_received *ret) MUST_USE;

/**
 * fd_peer() - the process at the other end of a unix socket
 * @socket:  connected AF_UNIX socket
 * @ret_pid: its pid, as the kernel saw it at connect
 * @ret_uid: its user
 *
 * Return: 0 or negative errno.
 */
int fd_peer(int socket, int *ret_pid, uint32_t *ret_uid) MUST_USE;
