/* SPDX-License-Identifier: Apache-2.0 */
/* One line "address namespace id" for each shim in the pod's file "shims". */
#include "shim/launcher/runc_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/launcher/file.h"
#include "shim/launcher/pod_namespaces.h"
#include "shim/launcher/span.h"
#include "shim/launcher/wire.h"

enum { ADDRESS_MAX = 128, LINE_BYTES_MAX = 400, LIST_BYTES_MAX = 256 * 1024, SHUTDOWN_MS = 1000 };

static int shim_connect(const char *path)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s", path);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&where, sizeof(where)) < 0) {
        int err = errno;

        (void)close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

/* Ask it to end; it does so only when nothing lives in it. Then its socket file goes. */
static void shim_end(const char *address, const char *namespace_id, const char *id)
{
    static const char *const versions[] = {"v3", "v2"};
    uint8_t frame[WIRE_SHUTDOWN_MAX];
    const char *path = address + strlen("unix://");

    if (strncmp(address, "unix://", 7) != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        struct pollfd answer = {.fd = shim_connect(path), .events = POLLIN};
        size_t length = wire_print_shutdown(versions[i], namespace_id, id, frame);

        if (answer.fd < 0) {
            break;
        }
        if (send(answer.fd, frame, length, MSG_NOSIGNAL) == (ssize_t)length) {
            (void)poll(&answer, 1, SHUTDOWN_MS);
            /* A shim that ends closes the connection. */
            (void)recv(answer.fd, frame, sizeof(frame), MSG_DONTWAIT);
            (void)poll(&answer, 1, SHUTDOWN_MS / 4);
        }
        (void)close(answer.fd);
    }
    if (shim_connect(path) < 0 && errno == ECONNREFUSED) {
        (void)unlink(path);
    }
}

void runc_shim_note(const char *pod, const char *namespace_id, const char *id)
{
    char *bootstrap = NULL;
    char address[ADDRESS_MAX] = "";
    char line[LINE_BYTES_MAX];
    char path[POD_PATH_MAX];
    ssize_t length = file_read("bootstrap.json", SMALL_BYTES_MAX, &bootstrap);
    int fd;

    if (length > 0) {
        struct span root = span_document(bootstrap, (size_t)length);

        (void)span_text(span_member(root, "address"), address, sizeof(address));
    }
    free(bootstrap);
    if (address[0] == '\0') {
        return; /* containerd 1.x: it sends Shutdown itself */
    }
    pod_file(pod, "shims", path);
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        shim_end(address, namespace_id, id);
        return;
    }
    length = snprintf(line, sizeof(line), "%s %s %s\n", address, namespace_id, id);
    if (write(fd, line, (size_t)length) != length) {
        shim_end(address, namespace_id, id);
    }
    (void)close(fd);
}

void runc_shims_end(const char *pod)
{
    char path[POD_PATH_MAX];
    char *list = NULL;
    char *rest = NULL;

    pod_file(pod, "shims", path);
    if (file_read(path, LIST_BYTES_MAX, &list) < 0) {
        return;
    }
    for (char *line = strtok_r(list, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *word = NULL;
        const char *address = strtok_r(line, " ", &word);
        const char *namespace_id = strtok_r(NULL, " ", &word);
        const char *id = strtok_r(NULL, " ", &word);

        if (address && namespace_id && id) {
            shim_end(address, namespace_id, id);
        }
    }
    free(list);
}
