/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/images/connect.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fault.h"
#include "base/fd.h"

int containerd_connect(const char *address, struct fault *why)
{
    AUTO(fd_close) int fd = -1;
    struct sockaddr_un peer = {.sun_family = AF_UNIX};
    int done;

    if (strlen(address) >= sizeof(peer.sun_path)) {
        return fault(why, FAULT_LIMIT, "a socket's path has at most %zu bytes, not %zu: "
                     "%.120s",
                     sizeof(peer.sun_path) - 1, strlen(address), address);
    }
    memcpy(peer.sun_path, address, strlen(address) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&peer, sizeof(peer)) < 0) {
        (void)fault_sys(why, -errno, "connect to containerd at %s", address);
        why->kind = FAULT_UNAVAILABLE;
        return -1;
    }
    done = fd_set_nonblocking(fd, true);
    if (done < 0) {
        return fault_sys(why, done, "connect to containerd at %s", address);
    }
    return TAKE_FD(fd);
}
