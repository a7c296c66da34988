/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detached mounts: the kernel's calls, in the combinations that this room needs.
 *
 * Belongs here: one mount at a time. Does not belong here: grants (folder.h).
 *
 * Thread: any, for every function. Source of the rules: mount_setattr(2), open_tree(2).
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

/**
 * mount_clone() - a detached copy of what lies at a path, with all mounts below it
 * @path: absolute; symlinks are followed, except those of /proc to what this process has open
 *
 * Return: descriptor (O_PATH) or negative errno.
 */
int mount_clone(const char *path) MUST_USE;

/**
 * mount_restrict() - no devices, no set-user-id, no programs; private; optionally read-only
 * @mount:     detached; with all mounts below it
 * @read_only: refuse every change, to everybody
 * @owners:    a user namespace that maps owners (idmap.h), or -1
 *
 * Never forbids symlinks: ConfigMaps are made of them.
 *
 * Return: 0 or negative errno: with @owners -EINVAL or -EPERM where a file system cannot.
 */
int mount_restrict(int mount, bool read_only, int owners) MUST_USE;

/* A new, empty file system in memory for a few names, detached. Return: descriptor or -errno. */
int mount_memory(void) MUST_USE;

/* Forbid changes in the topmost mount alone, not in those grafted into it. */
int mount_freeze(int mount) MUST_USE;

/* A mount to be put over a file of another. */
struct graft {
    int mount;  /* detached, of a file */
    int target; /* O_PATH descriptor of the file that it hides, inside the tree */
};

/**
 * mount_graft() - put mounts over files of a detached tree
 * @tree:   detached; on older kernels replaced by a copy that has the grafts
 * @grafts: in order
 * @count:  how many
 * @stage:  always go the way of older kernels (for tests)
 *
 * Before Linux 6.15 nothing can be mounted in a detached tree: it is then attached for a moment
 * in a mount namespace that a thread makes for that.
 *
 * Return: 0 or negative errno.
 */
int mount_graft(int *tree, const struct graft *grafts, size_t count, bool stage) MUST_USE;
