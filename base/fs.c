/* SPDX-License-Identifier: Apache-2.0 */
/* openat2(2) does the walking, so that no check of ours can be raced. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"

static int open_how(int dir, const char *name, const struct open_how *how)
{
    long fd;

    /* EAGAIN: a rename raced with the walk (openat2(2)); a few tries decide it. */
    for (int tries = 0; tries < 8; tries++) {
        fd = syscall(SYS_openat2, dir, name, how, sizeof(*how));
        if (fd >= 0 || errno != EAGAIN) {
            break;
        }
    }
    return fd < 0 ? -errno : (int)fd;
}

int fs_open_beneath(int dir, const char *name, int flags, mode_t mode)
{
    const struct open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };

    return open_how(dir, name, &how);
}

int fs_open_in_root(int dir, const char *name, int flags)
{
    const struct open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };

    return open_how(dir, name, &how);
}

int fs_open_plain(const char *path, int flags)
{
    const struct open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .resolve = RESOLVE_NO_MAGICLINKS,
    };

    return open_how(AT_FDCWD, path, &how);
}

int fs_read_fd(int fd, const char *what, struct buf *ret, struct fault *why)
{
    uint64_t offset = 0;

    ret->length = 0;
    for (;;) {
        size_t left = ret->max - ret->length;
        size_t want = left < 65536 ? left + 1 : 65536; /* one more than allowed shows an excess */
        uint8_t spare[1];
        uint8_t *at = left == 0 ? spare : buf_reserve(ret, want > left ? left : want);
        ssize_t got;

        if (!at) {
            return buf_check(ret, what, why);
        }
        got = pread(fd, at, left == 0 ? 1 : (want > left ? left : want), (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fault_sys(why, -errno, "read %s", what);
        }
        if (got == 0) {
            return 0;
        }
        if (left == 0) {
            return fault(why, FAULT_LIMIT, "%s is larger than %zu bytes", what, ret->max);
        }
        ret->length += (size_t)got;
        offset += (uint64_t)got;
    }
}

int fs_read_small(int dir, const char *name, struct buf *ret, struct fault *why)
{
    AUTO(fd_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        return fault_sys(why, -errno, "open %s", name);
    }
    return fs_read_fd(fd, name, ret, why);
}

int fs_write_all(int fd, const void *bytes, size_t length)
{
    const char *at = (const char *)bytes;

    while (length > 0) {
        ssize_t put = write(fd, at, length);

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return -errno;
        }
        at += put;
        length -= (size_t)put;
    }
    return 0;
}

static int write_and_sync(int fd, struct text bytes)
{
    int done = fs_write_all(fd, bytes.at, bytes.length);

    return done < 0 ? done : (fsync(fd) < 0 ? -errno : 0);
}

int fs_replace(int dir, const char *name, struct text bytes, mode_t mode, struct fault *why)
{
    AUTO(fd_close) int fd = -1;
    char temporary[4096];
    int done;

    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.%d.new", name, getpid()) >=
        sizeof(temporary)) {
        return fault(why, FAULT_LIMIT, "the name %.100s… is too long", name);
    }
    fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return fault_sys(why, -errno, "create %s", temporary);
    }
    done = write_and_sync(fd, bytes);
    if (done == 0 && renameat(dir, temporary, dir, name) < 0) {
        done = -errno;
    }
    if (done < 0) {
        (void)unlinkat(dir, temporary, 0);
        return fault_sys(why, done, "write %s", name);
    }
    return 0;
}

int fs_memory_new(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    return fd < 0 ? -errno : fd;
}

int fs_memory_seal(int fd)
{
    if (lseek(fd, 0, SEEK_SET) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
        return -errno;
    }
    return 0;
}

int fs_memory(const char *name, const void *bytes, size_t length)
{
    AUTO(fd_close) int fd = fs_memory_new(name);

    if (fd >= 0) {
        TRY(fs_write_all(fd, bytes, length));
        TRY(fs_memory_seal(fd));
    }
    return TAKE_FD(fd);
}

int fs_make_folders(const char *path, mode_t mode)
{
    char part[4096];
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof(part)) {
        return -ENAMETOOLONG;
    }
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != '\0') {
            continue;
        }
        part[i] = '\0';
        if (mkdir(part, mode) < 0 && errno != EEXIST) {
            return -errno;
        }
        part[i] = i < length ? '/' : '\0';
    }
    return 0;
}
