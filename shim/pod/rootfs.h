/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root file system of a tar image: containerd names the mounts, we make them.
 *
 * Belongs here: fstab-style options, overlays whose options pass a page, mounting and unmounting
 * BUNDLE/rootfs in the node's mount namespace, where containerd can see it.
 * Does not belong here: the mounts of a grant (runtime/broker).
 *
 * Thread: a pool's, for mounting and unmounting: both block.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct fault;
struct idmaps;

/* Who shall own in it what the container's user owns on disk: the workers' user. */
struct rootfs_owner {
    struct idmaps *maps; /* NULL: owners stay as they are */
    int64_t user;        /* of the container */
};

enum { ROOTFS_MOUNTS_MAX = 64, ROOTFS_OPTIONS_MAX = 1024 };

/* One entry, applied in order. */
struct rootfs_mount {
    own char *type;
    own char *source;
    own char *target; /* inside the root file system; "" for the root itself */
    own char **options;
    size_t options_count;
};

struct rootfs_mounts {
    struct rootfs_mount *at;
    size_t count;
};

/* Frees an array of mounts and empties it. */
void rootfs_mounts_fini(struct rootfs_mounts *mounts);

/* What fstab-style options say to mount(2). */
struct rootfs_flags {
    unsigned long set;
    unsigned long propagation; /* a second call; 0 for none */
    own char *data;            /* what is the file system's own, joined by ',' */
};

/**
 * rootfs_read_options() - split options into flags and data
 * @options: texts
 * @count:   how many
 * @ret:     the flags; its data is for free()
 * @why:     what is too long
 *
 * Return: 0, or negative with nothing to free.
 */
int rootfs_read_options(char *const *options, size_t count, struct rootfs_flags *ret,
                        struct fault *why) MUST_USE;

/**
 * rootfs_shorten() - move a common folder out of the options of an overlay
 * @data:     "workdir=…,lowerdir=/a/b/1/fs:/a/b/2/fs"
 * @ret_dir:  the deepest folder common to all lower folders, for chdir(2); "/" if none is
 * @ret_data: the same with lower folders relative to it
 *
 * mount(2) copies one page of options and no more. Upper and work folder stay absolute.
 */
void rootfs_shorten(const char *data, own char **ret_dir, own char **ret_data);

/**
 * rootfs_mount_all() - mount at BUNDLE/rootfs
 * @bundle: absolute path of the bundle
 * @mounts: in order
 * @owner:  who owns it; where the kernel cannot map owners, they stay as they are
 * @why:    naming the mount; nothing stays mounted
 *
 * Return: 0 or negative.
 */
int rootfs_mount_all(const char *bundle, const struct rootfs_mounts *mounts,
                     const struct rootfs_owner *owner, struct fault *why) MUST_USE;

/* Detaches everything that is mounted at BUNDLE/rootfs; no failure that anybody could act upon. */
void rootfs_unmount(const char *bundle);
