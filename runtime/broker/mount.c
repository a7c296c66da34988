/* SPDX-License-Identifier: Apache-2.0 */
/* Thin: each function is the one or two system calls that its header describes. */
#include "runtime/broker/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fs.h"

/* A folder that exists on every system; hidden only inside a namespace of our own. */
#define STAGE "/proc"

enum { RECURSIVE = 0x8000 /* AT_RECURSIVE of linux/fcntl.h, which clashes with fcntl.h */ };

int mount_clone(const char *path)
{
    AUTO(fd_close) int source = fs_open_plain(path, O_PATH);
    int mount;

    if (source < 0) {
        return source;
    }
    mount = open_tree(source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | RECURSIVE);
    return mount < 0 ? -errno : mount;
}

int mount_restrict(int mount, bool read_only, int owners)
{
    uint64_t always = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    uint64_t frozen = read_only ? MOUNT_ATTR_RDONLY : 0;
    uint64_t mapped = owners >= 0 ? MOUNT_ATTR_IDMAP : 0;
    uint64_t map = owners >= 0 ? (uint64_t)owners : 0U;
    struct mount_attr attributes = {
        .attr_set = always | frozen | mapped,
        .propagation = MS_PRIVATE,
        .userns_fd = map,
    };

    return mount_setattr(mount, "", AT_EMPTY_PATH | RECURSIVE, &attributes, sizeof(attributes)) < 0
               ? -errno
               : 0;
}

int mount_freeze(int mount)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};

    return mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0 ? -errno
                                                                                        : 0;
}

int mount_memory(void)
{
    AUTO(fd_close) int system = fsopen("tmpfs", FSOPEN_CLOEXEC);
    int mount;

    if (system < 0 || fsconfig(system, FSCONFIG_SET_STRING, "size", "64k", 0) < 0 ||
        fsconfig(system, FSCONFIG_SET_STRING, "nr_inodes", "256", 0) < 0 ||
        fsconfig(system, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
        fsconfig(system, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        return -errno;
    }
    mount =
        fsmount(system, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return mount < 0 ? -errno : mount;
}

static int grafts_move(const struct graft *grafts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (move_mount(grafts[i].mount, "", grafts[i].target, "",
                       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) {
            return -errno;
        }
    }
    return 0;
}

/* What the thread of mount_graft() is given, and gives back. */
struct staging {
    int tree;
    const struct graft *grafts;
    size_t count;
    int done;
};

static int stage_run(struct staging *staging)
{
    int done;
    int copy;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        move_mount(staging->tree, "", AT_FDCWD, STAGE, MOVE_MOUNT_F_EMPTY_PATH) < 0) {
        return -errno;
    }
    done = grafts_move(staging->grafts, staging->count);
    if (done < 0) {
        return done;
    }
    copy = open_tree(staging->tree, "",
                     AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | RECURSIVE);
    return copy < 0 ? -errno : copy;
}

static void *stage_thread(void *argument)
{
    struct staging *staging = (struct staging *)argument;

    staging->done = stage_run(staging);
    return NULL;
}

static int stage_graft(int *tree, const struct graft *grafts, size_t count)
{
    struct staging staging = {.tree = *tree, .grafts = grafts, .count = count};
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, stage_thread, &staging);

    if (failed > 0) {
        return -failed;
    }
    (void)pthread_join(thread, NULL); /* its namespace and the stage end with it */
    if (staging.done < 0) {
        return staging.done;
    }
    (void)fd_close(*tree);
    *tree = staging.done;
    return 0;
}

int mount_graft(int *tree, const struct graft *grafts, size_t count, bool stage)
{
    int done = stage ? -EINVAL : grafts_move(grafts, count);

    /* EINVAL is how a kernel before 6.15 refuses the first; nothing was moved then. */
    return done == -EINVAL ? stage_graft(tree, grafts, count) : done;
}
