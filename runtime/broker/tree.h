/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees: the folders of a grant while they are being put together.
 *
 * Belongs here: what folder.c and tree.c share. Nobody else includes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "runtime/broker/mount.h"
#include "runtime/grant/grant.h"

struct fault;

/* One detached tree that will be shown at @guest. */
struct tree {
    int mount;
    own char *guest;
    bool read_only;
    bool is_memory;                  /* made for single files; nothing of the node but them */
    const struct grant_folder *from; /* NULL when is_memory */
    own struct graft *grafts;        /* grafts_count; their mounts are borrowed from the singles */
    size_t grafts_count;
};

/* A detached mount of one file. */
struct single {
    int mount;
    const struct grant_folder *from;
};

/* Each folder of a grant makes at most one of each. */
struct trees {
    struct tree trees[GRANT_FOLDERS_MAX];
    size_t count;
    struct single singles[GRANT_FOLDERS_MAX];
    size_t singles_count;
};

struct trees *trees_free(own struct trees *trees);
DEFINE_AUTO(struct trees *, trees_free)

/**
 * trees_add() - a tree for a folder
 * @trees: fewer than GRANT_FOLDERS_MAX
 * @mount: detached; passes to the tree
 * @from:  borrowed while @trees live
 */
void trees_add(struct trees *trees, int mount, const struct grant_folder *from);

/* The same for a single file. */
void trees_add_single(struct trees *trees, int mount, const struct grant_folder *from);

/**
 * trees_place() - find or make the places of all single files
 * @trees: all folders and files are in it; folders may still be written to
 * @why:   the reason
 *
 * Like runc, makes an empty file to mount over where the folder around it is writable.
 *
 * Return: 0 or negative.
 */
int trees_place(struct trees *trees, struct fault *why) MUST_USE;

/* Mounts all files over what they hide; @stage as of mount_graft(). Return: 0 or negative. */
int trees_graft(struct trees *trees, bool stage, struct fault *why) MUST_USE;
