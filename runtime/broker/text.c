/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link is followed only among the node's own settings: elsewhere a pod may have written it.
 * Opened without blocking and only if regular: what lies there may be a pipe that nobody writes.
 */
#include "runtime/broker/text.h"

#include <errno.h>
#include <fcntl.h>
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
    int links = strncmp(path, "/etc/", 5) == 0 ? 0 : O_NOFOLLOW;
    AUTO(fd_close) int file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | links);
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_NETWORK_TEXT_MAX);
    struct stat kind = {0};

    *ret = NULL;
    if (file < 0 && errno == ENOENT) {
        return 0;
    }
    if (file < 0 || fstat(file, &kind) < 0) {
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
