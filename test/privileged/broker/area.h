/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mount namespace with a file system in memory at AREA, and trying things as a worker would.
 *
 * Belongs here: what the broker's privileged tests share. Needs root: area_make() says so.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/log.h"
#include "runtime/broker/folder.h"
#include "runtime/broker/idmap.h"
#include "runtime/grant/grant.h"

#define AREA "/tmp/skep-area"
#define TEXT(literal) ((char[]){literal}) /* for members that own in real grants */

enum { WORKER = 64201, SKIPPED = 77 };

static struct fault why;

UNUSED static bool area_make(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        (void)printf("skipped: needs root and a mount namespace: %s\n", strerror(errno));
        return false;
    }
    (void)mkdir(AREA, 0755);
    return mount("area", AREA, "tmpfs", 0, "mode=0755") == 0;
}

UNUSED static void area_clear(void)
{
    (void)umount2(AREA, MNT_DETACH);
    (void)mount("area", AREA, "tmpfs", 0, "mode=0755");
}

UNUSED static void write_file(const char *path, const char *bytes, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(fs_write_all(fd, bytes, strlen(bytes)), 0);
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
}

/* What happens to the worker's user: 0 or errno; @expected is compared when reading. */
enum attempt { READ, WRITE, CREATE, REMOVE, LIST };

UNUSED static int attempt_run(int dir, enum attempt attempt, const char *name, const char *expected)
{
    char bytes[64] = "";
    int fd;

    switch (attempt) {
    case READ:
        fd = openat(dir, name, O_RDONLY);
        return fd < 0 ? errno
                      : (read(fd, bytes, sizeof(bytes) - 1) < 0
                             ? errno
                             : (strcmp(bytes, expected) == 0 ? 0 : 255));
    case WRITE:
        fd = openat(dir, name, O_WRONLY | O_TRUNC);
        return fd < 0 || write(fd, expected, strlen(expected)) < 0 ? errno : 0;
    case CREATE:
        fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0640);
        return fd < 0 ? errno : 0;
    case REMOVE:
        return unlinkat(dir, name, 0) < 0 ? errno : 0;
    case LIST:
        fd = openat(dir, name, O_RDONLY | O_DIRECTORY);
        return fd < 0 ? errno : (fdopendir(fd) ? 0 : errno);
    }
    return 254;
}

UNUSED static int as_user(uint32_t user, int dir, enum attempt attempt, const char *name,
                          const char *expected)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (user != 0 && (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 ||
                          setresuid(user, user, user) < 0)) {
            _exit(253);
        }
        _exit(attempt_run(dir, attempt, name, expected));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

UNUSED static int as_worker(int dir, enum attempt attempt, const char *name, const char *expected)
{
    return as_user(WORKER, dir, attempt, name, expected);
}

UNUSED static size_t open_descriptors(void)
{
    DIR *stream = opendir("/proc/self/fd");
    size_t count = 0;

    while (readdir(stream)) {
        count++;
    }
    (void)closedir(stream);
    return count;
}

/* A grant whose folders lie in an array of the caller. */
UNUSED static struct grant grant_of(struct grant_folder *folders, size_t count, int64_t user)
{
    return (struct grant){.folders = folders, .folders_count = count, .user = user};
}
