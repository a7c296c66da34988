/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In this order: clone everything, find the places of single files (which may have to be made),
 * restrict each mount, graft the files, and open what came out as the worker itself would. The
 * opened folder keeps its detached mount alive without the descriptor of the mount.
 */
#include "runtime/broker/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/log.h"
#include "runtime/broker/idmap.h"
#include "runtime/broker/tree.h"

struct folders {
    struct folder folders[GRANT_FOLDERS_MAX];
    size_t count;
};

struct folders *folders_close(own struct folders *folders)
{
    if (folders) {
        for (size_t i = 0; i < folders->count; i++) {
            (void)fd_close(folders->folders[i].dir);
            free(folders->folders[i].guest);
        }
        free(folders);
    }
    return NULL;
}

size_t folders_count(const struct folders *folders)
{
    return folders->count;
}

const struct folder *folders_at(const struct folders *folders, size_t index)
{
    return &folders->folders[index];
}

static void folders_add(struct folders *folders, int dir, const char *guest, bool read_only)
{
    folders->folders[folders->count++] =
        (struct folder){.dir = dir, .guest = COPY_TEXT(guest), .read_only = read_only};
}

static int mount_fault(struct fault *why, int err, const struct grant_folder *folder,
                       const char *what)
{
    return fault_sys(why, err, "mount %s: %s %s", folder->guest, what, folder->source);
}

/* Is there a later folder with this name? Then that one hides it. */
static bool is_hidden(const struct grant *grant, size_t index)
{
    for (size_t i = index + 1; i < grant->folders_count; i++) {
        if (strcmp(grant->folders[i].guest, grant->folders[index].guest) == 0) {
            return true;
        }
    }
    return false;
}

/* Without privileges: an ordinary descriptor, which the engine keeps inside by itself. */
static int plain_open(const struct grant *grant, struct folders *ret, struct fault *why)
{
    for (size_t i = 0; i < grant->folders_count; i++) {
        const struct grant_folder *folder = &grant->folders[i];
        int dir;

        if (is_hidden(grant, i)) {
            continue;
        }
        dir = open(folder->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0 && errno == ENOTDIR) {
            return fault(why, FAULT_UNSUPPORTED, "mount %s: %s is a single file, which needs root",
                         folder->guest, folder->source);
        }
        if (dir < 0) {
            return mount_fault(why, -errno, folder, "open");
        }
        folders_add(ret, dir, folder->guest, folder->read_only);
    }
    return 0;
}

/* Whose files on disk the worker's user stands for; @file: what is mounted. */
static void owner_choose(const struct folders_plan *plan, const struct stat *file,
                         uint32_t *ret_user, uint32_t *ret_group)
{
    int64_t user = plan->grant->user;

    if (user > 0 && user < (int64_t)UINT32_MAX) {
        *ret_user = (uint32_t)user;
        *ret_group = idmaps_worker(plan->idmaps);
    } else { /* root of a container may touch everything: be the owner of what is mounted */
        *ret_user = file->st_uid;
        *ret_group = file->st_gid;
    }
}

static void say_once(const struct grant_folder *folder)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&said)) {
        log_warn("a mount keeps its owners on disk, its file system cannot map them",
                 "mount=%s source=%s", folder->guest, folder->source);
    }
}

static int restrict_one(const struct folders_plan *plan, int mount,
                        const struct grant_folder *folder, struct fault *why)
{
    AUTO(fd_close) int owners = -1;
    struct stat file;
    uint32_t user;
    uint32_t group;
    uint32_t worker = idmaps_worker(plan->idmaps);
    int done;

    if (fstat(mount, &file) < 0) {
        return mount_fault(why, -errno, folder, "look at");
    }
    owner_choose(plan, &file, &user, &group);
    if (user != worker || group != worker) {
        struct fault no_map;

        if (idmaps_open(plan->idmaps, user, group, &owners, &no_map) < 0) {
            owners = -1;
        }
    }
    done = owners < 0 ? -EINVAL : mount_restrict(mount, folder->read_only, owners);
    if (done == -EINVAL || done == -EPERM) {
        if (user != worker || group != worker) {
            say_once(folder);
        }
        done = mount_restrict(mount, folder->read_only, -1);
    }
    return done < 0 ? mount_fault(why, done, folder, "restrict") : 0;
}

static int clone_one(struct trees *trees, const struct grant_folder *folder, struct fault *why)
{
    AUTO(fd_close) int mount = mount_clone(folder->source);
    struct stat found;

    if (mount < 0) {
        return mount_fault(why, mount, folder, "open");
    }
    if (fstat(mount, &found) < 0) {
        return mount_fault(why, -errno, folder, "look at");
    }
    if (S_ISDIR(found.st_mode)) {
        trees_add(trees, TAKE_FD(mount), folder);
    } else if (S_ISREG(found.st_mode)) {
        trees_add_single(trees, TAKE_FD(mount), folder);
    } else {
        return fault(why, FAULT_UNSUPPORTED, "mount %s: %s is neither a folder nor a file",
                     folder->guest, folder->source);
    }
    return 0;
}

static int clone_all(const struct grant *grant, struct trees *trees, struct fault *why)
{
    for (size_t i = 0; i < grant->folders_count; i++) {
        if (!is_hidden(grant, i)) {
            TRY(clone_one(trees, &grant->folders[i], why));
        }
    }
    return trees_place(trees, why);
}

static int restrict_all(const struct folders_plan *plan, struct trees *trees, struct fault *why)
{
    for (size_t i = 0; i < trees->count; i++) {
        if (!trees->trees[i].is_memory) {
            TRY(restrict_one(plan, trees->trees[i].mount, trees->trees[i].from, why));
        }
    }
    for (size_t i = 0; i < trees->singles_count; i++) {
        TRY(restrict_one(plan, trees->singles[i].mount, trees->singles[i].from, why));
    }
    return 0;
}

/* Opens with the worker's user in place of ours: setfsuid(2) is a thread's own. */
static int open_as_worker(int mount, uint32_t worker)
{
    uid_t user = geteuid();
    gid_t group = getegid();
    int dir;

    (void)setfsgid(worker);
    (void)setfsuid(worker);
    dir = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dir = dir < 0 ? -errno : dir;
    (void)setfsuid(user);
    (void)setfsgid(group);
    return dir;
}

static int show_all(const struct trees *trees, uint32_t worker, struct folders *ret,
                    struct fault *why)
{
    for (size_t i = 0; i < trees->count; i++) {
        const struct tree *tree = &trees->trees[i];
        int dir = open_as_worker(tree->mount, worker);

        if (dir < 0) {
            return fault_sys(why, dir, "mount %s: read %s", tree->guest,
                             tree->from ? tree->from->source : "it");
        }
        folders_add(ret, dir, tree->guest, tree->read_only);
    }
    return 0;
}

static int clones_open(const struct folders_plan *plan, struct folders *ret, struct fault *why)
{
    AUTO(trees_free) struct trees *trees = NEW(struct trees);

    TRY(clone_all(plan->grant, trees, why));
    TRY(restrict_all(plan, trees, why));
    TRY(trees_graft(trees, plan->stage, why));
    return show_all(trees, idmaps_worker(plan->idmaps), ret, why);
}

int folders_open(const struct folders_plan *plan, own struct folders **ret, struct fault *why)
{
    AUTO(folders_close) struct folders *folders = NEW(struct folders);

    if (plan->grant->folders_count > GRANT_FOLDERS_MAX) {
        return fault(why, FAULT_LIMIT, "a task has at most %d mounts, not %zu", GRANT_FOLDERS_MAX,
                     plan->grant->folders_count);
    }
    if (plan->grant->folders_count == 0) {
        *ret = TAKE(folders);
        return 0;
    }
    if (plan->plain) {
        TRY(plain_open(plan->grant, folders, why));
    } else {
        TRY(clones_open(plan, folders, why));
    }
    *ret = TAKE(folders);
    return 0;
}
