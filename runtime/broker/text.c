/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link as the file itself is followed only among the node's own settings: elsewhere a pod may
 * have written it. In front of it there are links on many nodes (/var/run, the kubelet's folder),
 * so these are followed, but never one of /proc to a file that this process has open.
 * Opened without blocking and only if regular: what lies there may be a pipe that nobody writes.
 */
#include "runtime/broker/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/text.h"
#include "runtime/broker/folder.h"
#include "runtime/grant/grant.h"

static int text_of_file(int file, const char *path, own char **ret, struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_NETWORK_TEXT_MAX);
    struct stat kind = {0};

    if (fstat(file, &kind) < 0) {
        return fault_sys(why, -errno, "read %s", path);
    }
    if (!S_ISREG(kind.st_mode)) {
        return fault(why, FAULT_INVALID, "%.200s is not a file", path);
    }
    TRY(fs_read_fd(file, path, &bytes, why));
    buf_put_u8(&bytes, 0);
    TRY(buf_check(&bytes, path, why));
    *ret = COPY_TEXT((const char *)bytes.data);
    return 0;
}

int broker_text_read(const char *path, own char **ret, struct fault *why)
{
    bool settings = strncmp(path, "/etc/", 5) == 0 && !strstr(path, "/../");
    int links = settings ? 0 : O_NOFOLLOW;
    AUTO(fd_close) int file = fs_open_plain(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | links);

    *ret = NULL;
    if (file == -ENOENT) {
        return 0;
    }
    return file < 0 ? fault_sys(why, file, "read %s", path) : text_of_file(file, path, ret, why);
}

/* What of @path lies below @guest; NULL when it does not. */
static const char *below(const char *guest, const char *path)
{
    size_t length = strcmp(guest, "/") == 0 ? 0 : strlen(guest);

    return strncmp(path, guest, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

int broker_text_find(const struct folders *folders, const char *path, own char **ret,
                     struct fault *why)
{
    const struct folder *nearest = NULL;
    AUTO(fd_close) int file = -1;

    *ret = NULL;
    for (size_t i = 0; i < folders_count(folders); i++) {
        const struct folder *folder = folders_at(folders, i);

        if (below(folder->guest, path) &&
            (!nearest || strlen(folder->guest) >= strlen(nearest->guest))) {
            nearest = folder; /* it hides the others */
        }
    }
    if (!nearest) {
        return 0;
    }
    file = fs_open_in_root(nearest->dir, below(nearest->guest, path),
                           O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (file == -ENOENT || file == -ENOTDIR) {
        return 0;
    }
    return file < 0 ? fault_sys(why, file, "read %s of the container", path)
                    : text_of_file(file, path, ret, why);
}
