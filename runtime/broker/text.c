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
#include "runtime/grant/grant.h"

int broker_text_read(const char *path, own char **ret, struct fault *why)
{
    bool settings = strncmp(path, "/etc/", 5) == 0 && !strstr(path, "/../");
    int links = settings ? 0 : O_NOFOLLOW;
    AUTO(fd_close) int file = fs_open_plain(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | links);
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_NETWORK_TEXT_MAX);
    struct stat kind = {0};

    *ret = NULL;
    if (file == -ENOENT) {
        return 0;
    }
    if (file < 0 || fstat(file, &kind) < 0) {
        return fault_sys(why, file < 0 ? file : -errno, "read %s", path);
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
