/* SPDX-License-Identifier: Apache-2.0 */
/* A socket file without a listener refuses connections; that is how a stale one is known. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "shim/ttrpc/server.h"

/* Return: whether somebody accepts there. */
static bool somebody_listens(const struct sockaddr_un *at)
{
    AUTO(fd_close) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int done;

    if (probe < 0) {
        return true; /* not knowing, take nothing away */
    }
    done = connect(probe, (const struct sockaddr *)(const void *)at, sizeof(*at));
    return done == 0 || (errno != ECONNREFUSED && errno != ENOENT);
}

static int bind_at(int socket, const struct sockaddr_un *at)
{
    return bind(socket, (const struct sockaddr *)(const void *)at, sizeof(*at)) < 0 ? -errno : 0;
}

int ttrpc_listen(const char *path, int *ret, struct fault *why)
{
    AUTO(fd_close) int listener = -1;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    int done;

    if (length == 0 || length >= sizeof(at.sun_path)) {
        return fault(why, FAULT_LIMIT, "a socket's path has 1 to %zu bytes, not %zu: %.200s",
                     sizeof(at.sun_path) - 1, length, path);
    }
    memcpy(at.sun_path, path, length);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) {
        return fault_sys(why, -errno, "make a socket");
    }
    /* The mode of the inode that bind() makes is that of the socket, less the umask. */
    (void)fchmod(listener, 0600);
    done = bind_at(listener, &at);
    if (done == -EADDRINUSE && somebody_listens(&at)) {
        return fault(why, FAULT_EXISTS, "somebody listens at %.200s already", path);
    }
    if (done == -EADDRINUSE) {
        (void)unlink(path);
        done = bind_at(listener, &at);
    }
    if (done < 0) {
        return fault_sys(why, done, "bind %.200s", path);
    }
    if (listen(listener, TTRPC_BACKLOG) < 0) {
        return fault_sys(why, -errno, "listen at %.200s", path);
    }
    *ret = TAKE_FD(listener);
    return 0;
}
