/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces of a pod whose pause is virtual, made when its first native container comes.
 *
 * /run/skep/pods/ID/ holds: lock, ready, ipc and uts (namespace files, bind-mounted), anchor (pid of
 * the process that keeps a shared pid namespace), shm (a tmpfs), shims (addresses of runc shims to be
 * ended).
 *
 * Belongs here: making, finding, and removing them.
 * Does not belong here: config.json's list of namespaces (native.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "shim/launcher/span.h"

enum { POD_PATH_MAX = 256 };

/* The pod's shared memory, where nobody else keeps it; 64 MiB, as containerd's. */
#define POD_SHM "shm"

/* What a pod has besides its ipc and uts namespace. */
struct pod_parts {
    bool anchor; /* a pid namespace kept by a process (shareProcessNamespace) */
    bool shm;
};

/**
 * pod_namespaces_make() - see that the pod's namespaces exist
 * @id:     the pause's id; a valid identifier
 * @pause:  the pause's config.json
 * @parts:  what else
 *
 * Ends the program with a sentence on failure.
 */
void pod_namespaces_make(const char *id, struct span pause, const struct pod_parts *parts);

/* The path of one of the pod's files. */
void pod_file(const char *id, const char *name, char ret[POD_PATH_MAX]);

/* The pid of the anchor, 0 when there is none. */
int pod_anchor(const char *id);

/* Unmount, end the anchor, remove the folder. */
void pod_namespaces_remove(const char *id);

/* Be the anchor: pid 1 of the shared pid namespace; reaps, never returns. */
void pod_anchor_run(void) __attribute__((noreturn));
