/* SPDX-License-Identifier: Apache-2.0 */
/* Packets carry their descriptors in one SCM_RIGHTS message, received close-on-exec. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int fd_close(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

int fd_duplicate(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return copy < 0 ? -errno : copy;
}

int fd_set_nonblocking(int fd, bool nonblocking)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0) {
        return -errno;
    }
    flags = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int fd_pair(int ret[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

union rights {
    char bytes[CMSG_SPACE(sizeof(int) * FD_PACKET_FDS_MAX)];
    struct cmsghdr aligned;
};

int fd_send(int socket, const void *bytes, size_t length, const int *fds, size_t count)
{
    union rights rights = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct cmsghdr *header = NULL;
    ssize_t sent;

    if (count > FD_PACKET_FDS_MAX || length == 0 || length > FD_PACKET_BYTES_MAX) {
        return -EMSGSIZE;
    }
    if (count > 0) {
        message.msg_control = rights.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    }
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

static size_t fds_taken(struct msghdr *message, int fds[FD_PACKET_FDS_MAX])
{
    size_t count = 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
            size_t came = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

            memcpy(fds + count, CMSG_DATA(header), sizeof(int) * came);
            count += came;
        }
    }
    return count;
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)fd_close(fds[i]);
    }
}

int fd_receive_lossy(int socket, void *bytes, size_t room, struct fd_received *ret)
{
    union rights rights = {.bytes = {0}};
    struct iovec part = {.iov_base = bytes, .iov_len = room};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = rights.bytes,
                             .msg_controllen = sizeof(rights.bytes)};
    ssize_t got;

    do {
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return -errno;
    }
    ret->count = fds_taken(&message, ret->fds);
    /* There is room for as many as a packet may carry, so what was cut off had no number to get. */
    ret->lost = (message.msg_flags & MSG_CTRUNC) != 0;
    if ((message.msg_flags & MSG_TRUNC) != 0 || ret->lost) {
        close_all(ret->fds, ret->count);
        ret->count = 0;
    }
    return (message.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : (int)got;
}

int fd_receive(int socket, void *bytes, size_t room, int *fds, size_t *ret_count)
{
    struct fd_received came = {.count = 0};
    int got = fd_receive_lossy(socket, bytes, room, &came);

    if (got < 0) {
        return got;
    }
    if (came.lost || came.count > *ret_count) {
        close_all(came.fds, came.count);
        *ret_count = 0;
        return came.lost ? -EMFILE : -EMSGSIZE;
    }
    if (came.count > 0) {
        memcpy(fds, came.fds, sizeof(int) * came.count);
    }
    *ret_count = came.count;
    return got;
}

int fd_peer(int socket, int *ret_pid, uint32_t *ret_uid)
{
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);

    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        return -errno;
    }
    *ret_pid = peer.pid;
    *ret_uid = peer.uid;
    return 0;
}
