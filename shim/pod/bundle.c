/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a container could have influenced is opened inside its root and never through a link. */
#include "shim/pod/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "runtime/spec/spec.h"

enum { MESSAGE_MAX = 4096 };

int bundle_read(const char *bundle, own struct spec **ret, struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(SPEC_BYTES_MAX);
    AUTO(fd_close) int dir = open(bundle, O_DIRECTORY | O_PATH | O_CLOEXEC);

    if (dir < 0) {
        return fault_sys(why, -errno, "open the bundle %s", bundle);
    }
    TRY(fs_read_small(dir, "config.json", &bytes, why));
    return spec_parse((struct text){(const char *)bytes.data, bytes.length}, ret, why);
}

own char *bundle_rootfs(const char *bundle, const struct spec *spec)
{
    const char *root = spec->root_path ? spec->root_path : "rootfs";
    char path[PATH_MAX + SPEC_PATH_MAX + 2];

    if (root[0] == '/') {
        return COPY_TEXT(root);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", bundle, root);
    return COPY_TEXT(path);
}

static int component_open(int dir, const char *cwd, const char *name)
{
    char path[PATH_MAX];
    int file = -ENOENT;

    if (name[0] != '/' && cwd && cwd[0] != '\0') {
        if (snprintf(path, sizeof(path), "%s/%s", cwd, name) >= (int)sizeof(path)) {
            return -ENAMETOOLONG;
        }
        file = fs_open_in_root(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    }
    return file >= 0 ? file : fs_open_in_root(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

int bundle_open_component(const char *rootfs, const char *cwd, const char *name, int *ret,
                          struct fault *why)
{
    AUTO(fd_close) int dir = open(rootfs, O_DIRECTORY | O_PATH | O_CLOEXEC);
    AUTO(fd_close) int file = -1;
    struct stat status;

    if (dir < 0) {
        return fault_sys(why, -errno, "open the root file system %s", rootfs);
    }
    file = component_open(dir, cwd, name);
    if (file < 0) {
        return fault_sys(why, file, "open the component %.200s in the image", name);
    }
    if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode)) {
        return fault(why, FAULT_INVALID, "%.200s in the image is no file", name);
    }
    *ret = TAKE_FD(file);
    return 0;
}

int bundle_write_message(const char *path, const char *text)
{
    AUTO(fd_close) int file = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    size_t length = strlen(text);
    struct stat status;

    if (file < 0) {
        return -errno;
    }
    if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode)) {
        return -EINVAL;
    }
    if (ftruncate(file, 0) < 0) {
        return -errno;
    }
    return fs_write_all(file, text, length < MESSAGE_MAX ? length : MESSAGE_MAX);
}
