/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only socket(2) depends on the namespace, but the whole making is one visit: an error then
 * cannot leave the thread elsewhere.
 */
#include "runtime/broker/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "base/fd.h"
#include "runtime/broker/netns.h"

enum { BACKLOG = 4096 }; /* the kernel clamps it to net.core.somaxconn */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool address_parse(const char *text, uint16_t port, union address *ret, socklen_t *ret_size)
{
    union address address = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};

    *ret_size = sizeof(address.v6);
    if (!text || inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
        *ret = address;
        return true;
    }
    address = (union address){.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
    *ret_size = sizeof(address.v4);
    *ret = address;
    return inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1;
}

/* Return: the socket or negative errno. */
static int socket_listen(const union address *address, socklen_t size, bool both)
{
    const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    AUTO(fd_close) int fd = socket(address->any.sa_family, type, 0);
    const int yes = 1;
    const int v6_only = both ? 0 : 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0) {
        return -errno;
    }
    if (address->any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) < 0) {
        return -errno;
    }
    if (bind(fd, &address->any, size) < 0 || listen(fd, BACKLOG) < 0) {
        return -errno;
    }
    return TAKE_FD(fd);
}

static int socket_open(const struct listen_plan *plan, const union address *address, socklen_t size)
{
    const union address every_v4 = {.v4 = {.sin_family = AF_INET, .sin_port = htons(plan->port)}};
    int fd = socket_listen(address, size, !plan->address);

    /* Hosts without IPv6 say so in one of two ways. */
    if (!plan->address && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)) {
        fd = socket_listen(&every_v4, sizeof(every_v4.v4), false);
    }
    return fd;
}

static uint16_t socket_port(int fd)
{
    union address address = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t size = sizeof(address);

    if (getsockname(fd, &address.any, &size) < 0) {
        return 0;
    }
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

int listen_open(const struct listen_plan *plan, int *ret, uint16_t *ret_port, struct fault *why)
{
    AUTO(netns_leave) int home = -1;
    union address address;
    socklen_t size;
    int fd;

    if (!address_parse(plan->address, plan->port, &address, &size)) {
        return fault(why, FAULT_INVALID, "\"%.60s\" is no numeric address", plan->address);
    }
    if (plan->netns >= 0) {
        TRY(netns_enter(plan->netns, &home, why));
    }
    fd = socket_open(plan, &address, size);
    if (fd < 0) {
        return fault_sys(why, fd, "listen on %s port %u",
                         plan->address ? plan->address : "every address", plan->port);
    }
    if (ret_port) {
        *ret_port = socket_port(fd);
    }
    *ret = fd;
    return 0;
}
