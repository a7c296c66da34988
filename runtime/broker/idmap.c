/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user namespace needs a process to be born in: a child that waits until its maps are written
 * and its namespace is open, and then ends. It is no thread's fork in the usual sense: it makes
 * two system calls.
 */
#include "runtime/broker/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"

struct idmap {
    uint32_t user;
    uint32_t group;
    int namespace_fd;
};

struct idmaps {
    pthread_mutex_t lock; /* guards all below */
    size_t count;
    struct idmap maps[IDMAPS_MAX];
    uint32_t worker; /* frozen */
};

own struct idmaps *idmaps_new(uint32_t worker)
{
    struct idmaps *idmaps = NEW(struct idmaps);

    (void)pthread_mutex_init(&idmaps->lock, NULL);
    idmaps->worker = worker;
    return idmaps;
}

struct idmaps *idmaps_free(own struct idmaps *idmaps)
{
    if (idmaps) {
        for (size_t i = 0; i < idmaps->count; i++) {
            (void)fd_close(idmaps->maps[i].namespace_fd);
        }
        (void)pthread_mutex_destroy(&idmaps->lock);
        free(idmaps);
    }
    return NULL;
}

uint32_t idmaps_worker(const struct idmaps *idmaps)
{
    return idmaps->worker;
}

/* A line "inside outside count", unless it would be empty. */
static void extent_print(struct buf *out, uint32_t inside, uint32_t outside, uint32_t count)
{
    if (count > 0) {
        buf_print(out, "%u %u %u\n", inside, outside, count);
    }
}

/* All numbers but the last, which means nobody, with the two exchanged. */
static void map_print(struct buf *out, uint32_t one, uint32_t other)
{
    uint32_t low = one < other ? one : other;
    uint32_t high = one < other ? other : one;

    if (low == high) {
        extent_print(out, 0, 0, UINT32_MAX);
        return;
    }
    extent_print(out, 0, 0, low);
    extent_print(out, low, high, 1);
    extent_print(out, low + 1, low + 1, high - low - 1);
    extent_print(out, high, low, 1);
    extent_print(out, high + 1, high + 1, UINT32_MAX - high - 1);
}

static int map_write(int child, const char *file, uint32_t disk, uint32_t worker)
{
    AUTO(buf_fini) struct buf lines = BUF(512);
    AUTO(fd_close) int fd = -1;
    char path[64];

    map_print(&lines, disk, worker);
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", child, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    /* The kernel takes a map in one write only. */
    return fd < 0 ? -errno : fs_write_all(fd, lines.data, lines.length);
}

/* Return: a child in a new user namespace that ends when the pipe does, or negative errno. */
static int child_start(const int wait_pipe[2])
{
    long pid = syscall(SYS_clone, (long)CLONE_NEWUSER, NULL, NULL, NULL, 0L);

    if (pid == 0) {
        char byte;
        ssize_t got;

        (void)close(wait_pipe[1]);
        got = read(wait_pipe[0], &byte, 1);
        _exit(got == 0 ? 0 : 1);
    }
    return pid < 0 ? -errno : (int)pid;
}

static int map_make(const struct idmaps *idmaps, uint32_t user, uint32_t group, struct fault *why)
{
    int wait_pipe[2];
    char path[64];
    int child;
    int done;
    int namespace_fd = -1;

    if (pipe2(wait_pipe, O_CLOEXEC) < 0) {
        return fault_sys(why, -errno, "make a pipe for a user namespace");
    }
    child = child_start(wait_pipe);
    done = child < 0 ? child : map_write(child, "uid_map", user, idmaps->worker);
    done = done < 0 ? done : map_write(child, "gid_map", group, idmaps->worker);
    if (done == 0) {
        (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", child);
        namespace_fd = open(path, O_RDONLY | O_CLOEXEC);
        done = namespace_fd < 0 ? -errno : 0;
    }
    (void)fd_close(wait_pipe[0]);
    (void)fd_close(wait_pipe[1]);
    if (child > 0) {
        while (waitpid(child, NULL, __WALL) < 0 && errno == EINTR) {
        }
    }
    return done < 0 ? fault_sys(why, done, "make a user namespace for owner %u", user)
                    : namespace_fd;
}

static int map_find(struct idmaps *idmaps, uint32_t user, uint32_t group)
{
    for (size_t i = 0; i < idmaps->count; i++) {
        if (idmaps->maps[i].user == user && idmaps->maps[i].group == group) {
            return fd_duplicate(idmaps->maps[i].namespace_fd);
        }
    }
    return -ENOENT;
}

int idmaps_open(struct idmaps *idmaps, uint32_t user, uint32_t group, int *ret, struct fault *why)
{
    int found;
    int kept;

    (void)pthread_mutex_lock(&idmaps->lock);
    found = map_find(idmaps, user, group);
    if (found < 0) {
        found = map_make(idmaps, user, group, why);
        kept = found < 0 || idmaps->count == IDMAPS_MAX ? -1 : fd_duplicate(found);
        if (kept >= 0) {
            idmaps->maps[idmaps->count++] =
                (struct idmap){.user = user, .group = group, .namespace_fd = kept};
        }
    }
    (void)pthread_mutex_unlock(&idmaps->lock);
    if (found < 0) {
        return -1;
    }
    *ret = found;
    return 0;
}
