/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file lies either in a folder of the same grant, found by the longest name in front of its
 * own, or in a tree in memory made for the folder in which it lies.
 */
#include "runtime/broker/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/text.h"

struct trees *trees_free(own struct trees *trees)
{
    if (trees) {
        for (size_t i = 0; i < trees->count; i++) {
            struct tree *tree = &trees->trees[i];

            for (size_t k = 0; k < tree->grafts_count; k++) {
                (void)fd_close(tree->grafts[k].target);
            }
            free(tree->grafts);
            free(tree->guest);
            (void)fd_close(tree->mount);
        }
        for (size_t i = 0; i < trees->singles_count; i++) {
            (void)fd_close(trees->singles[i].mount);
        }
        free(trees);
    }
    return NULL;
}

void trees_add(struct trees *trees, int mount, const struct grant_folder *from)
{
    trees->trees[trees->count++] = (struct tree){.mount = mount,
                                                 .guest = COPY_TEXT(from->guest),
                                                 .read_only = from->read_only,
                                                 .from = from};
}

void trees_add_single(struct trees *trees, int mount, const struct grant_folder *from)
{
    trees->singles[trees->singles_count++] = (struct single){.mount = mount, .from = from};
}

static struct tree *trees_add_memory(struct trees *trees, struct text guest, struct fault *why)
{
    struct tree *tree = NULL;
    int mount = mount_memory();

    if (mount < 0) {
        (void)fault_sys(why, mount, "make a file system in memory for single files");
        return NULL;
    }
    tree = &trees->trees[trees->count++];
    *tree = (struct tree){
        .mount = mount, .guest = text_copy(guest), .read_only = true, .is_memory = true};
    return tree;
}

/* The part of @path below @folder; at is NULL if it does not lie there. */
static struct text below(const char *folder, const char *path)
{
    size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

    if (strncmp(path, folder, length) != 0 || path[length] != '/' || path[length + 1] == '\0') {
        return (struct text){0};
    }
    return text_of(path + length + 1);
}

/* The tree with the longest name around @path, in memory or not. */
static struct tree *tree_around(struct trees *trees, const char *path)
{
    struct tree *best = NULL;

    for (size_t i = 0; i < trees->count; i++) {
        struct tree *tree = &trees->trees[i];

        if (below(tree->guest, path).at && (!best || strlen(tree->guest) > strlen(best->guest))) {
            best = tree;
        }
    }
    return best;
}

/* As fs_open_in_root(), and makes the file. Return: 0 or negative errno. */
static int file_make(int dir, const char *name)
{
    const struct open_how how = {
        .flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
        .mode = 0644,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));

    if (fd < 0) {
        return -errno;
    }
    (void)fd_close((int)fd);
    return 0;
}

/* Return: O_PATH of what the file hides, or negative errno. */
static int target_open(const struct tree *tree, const char *name)
{
    int target = fs_open_in_root(tree->mount, name, O_PATH);
    bool may_make = tree->is_memory || !tree->read_only || tree->from->is_rootfs;
    int made;

    if (target != -ENOENT || !may_make) {
        return target;
    }
    made = file_make(tree->mount, name);
    return made < 0 ? made : fs_open_in_root(tree->mount, name, O_PATH);
}

static void tree_add_graft(struct tree *tree, int mount, int target)
{
    if (!tree->grafts) {
        tree->grafts = NEW_ARRAY(GRANT_FOLDERS_MAX, struct graft);
    }
    tree->grafts[tree->grafts_count++] = (struct graft){.mount = mount, .target = target};
}

static int tree_for_parent(struct trees *trees, const char *guest, struct tree **ret,
                           struct fault *why)
{
    const char *slash = strrchr(guest, '/');
    struct text parent = {.at = guest, .length = slash > guest ? (size_t)(slash - guest) : 1};
    struct tree *tree = tree_around(trees, guest);

    if (tree && !tree->is_memory && text_is(parent, tree->guest)) {
        return fault(why, FAULT_NOT_FOUND,
                     "mount %s: the folder %s around it has no such file and is read-only", guest,
                     tree->guest);
    }
    if (!tree || !tree->is_memory || !text_is(parent, tree->guest)) {
        tree = trees_add_memory(trees, parent, why);
    }
    *ret = tree;
    return tree ? 0 : -1;
}

static int single_place(struct trees *trees, const struct single *single, struct fault *why)
{
    const char *guest = single->from->guest;
    struct tree *tree = tree_around(trees, guest);
    int target = tree ? target_open(tree, below(tree->guest, guest).at) : -ENOENT;

    if (target == -ENOENT) {
        TRY(tree_for_parent(trees, guest, &tree, why));
        target = target_open(tree, below(tree->guest, guest).at);
    }
    if (target < 0) {
        return fault_sys(why, target, "mount %s: find its place in %s", guest, tree->guest);
    }
    tree_add_graft(tree, single->mount, target);
    return 0;
}

int trees_place(struct trees *trees, struct fault *why)
{
    for (size_t i = 0; i < trees->singles_count; i++) {
        TRY(single_place(trees, &trees->singles[i], why));
    }
    return 0;
}

int trees_graft(struct trees *trees, bool stage, struct fault *why)
{
    for (size_t i = 0; i < trees->count; i++) {
        struct tree *tree = &trees->trees[i];
        int done = tree->grafts_count == 0
                       ? 0
                       : mount_graft(&tree->mount, tree->grafts, tree->grafts_count, stage);

        if (done == 0 && tree->is_memory) {
            done = mount_freeze(tree->mount);
        }
        if (done < 0) {
            return fault_sys(why, done, "mount single files in %s", tree->guest);
        }
    }
    return 0;
}
