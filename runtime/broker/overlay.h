/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An overlay whose layers' owners are mapped: what root owns in an image belongs to the worker.
 *
 * The kernel maps owners of an overlay's layers (from Linux 5.19 on), but not of an overlay itself.
 *
 * Belongs here: that one mount. Does not belong here: whether a root file system is an overlay
 * (shim/pod/rootfs), folders of a grant (folder.h).
 */
#pragma once

#include "base/attr.h"

enum { OVERLAY_LAYERS_MAX = 512 };

struct overlay_plan {
    const char *target;  /* where to mount it */
    const char *data;    /* options of an overlay: lowerdir=…,upperdir=…,workdir=…, others */
    unsigned long flags; /* of mount(2) */
    const char *place;   /* an empty folder beside which nobody looks; used during the call */
    int owners;          /* a user namespace that maps owners (idmap.h) */
};

/**
 * overlay_mount() - mount it in the mount namespace of the process
 * @plan: borrowed for the call
 *
 * Blocks. Changes the working directory of the calling thread, which must be a pool's, to "/".
 *
 * Return: 0, or negative errno with nothing mounted: the kernel or the layers' file system cannot
 * map owners, or the options are of no form known here; then mount it as it is. Thread: any.
 */
int overlay_mount(const struct overlay_plan *plan) MUST_USE;
