/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders of a grant as descriptors that a worker can hold: each is a detached clone of a mount,
 * read-only where the grant says so, which no path leads out of.
 *
 * Single files are mounted over what they hide: into the folder of the same grant in which they
 * lie, or else into a small file system in memory that holds only them; several files in one
 * place share it. Later folders hide earlier ones of the same name, as in an OCI spec.
 *
 * A clone keeps its file system busy: close what came from here before a volume's unmount is
 * acknowledged.
 *
 * Belongs here: opening. Does not belong here: which folders a task may have (runtime/grant).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct fault;
struct folders;
struct grant;
struct idmaps;

struct folders_plan {
    const struct grant *grant; /* borrowed for the call */
    struct idmaps *idmaps;     /* the worker's user; shared by all calls */
    bool stage;                /* graft files as on kernels before 6.15 (for tests) */
    bool plain; /* no privileges: ordinary descriptors, no single files, no kernel-enforced walls */
};

/* One of them, in the order in which their descriptors travel. */
struct folder {
    int dir;
    own char *guest; /* absolute path inside the component */
    bool read_only;
};

/**
 * folders_open() - open all folders and files of a grant
 * @plan: what and for whom
 * @ret:  the descriptors
 * @why:  the reason, naming the mount
 *
 * Where a file system cannot map owners (overlayfs), folders keep their owners on disk, which is
 * logged once; a folder that the worker could not read then is a failure.
 *
 * Blocks. Return: 0 or negative. Thread: any.
 */
int folders_open(const struct folders_plan *plan, own struct folders **ret, struct fault *why)
    MUST_USE;
struct folders *folders_close(own struct folders *folders); /* NULL in, NULL out */
DEFINE_AUTO(struct folders *, folders_close)

/* At most GRANT_FOLDERS_MAX. */
size_t folders_count(const struct folders *folders);
const struct folder *folders_at(const struct folders *folders, size_t index);
