/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preparing a guest: from a bundle, or from the process of an exec, to a loaded run.
 *
 * Belongs here: the steps in their order, what blocks on the pool, giving up half-way.
 * Does not belong here: answering containerd (shim/task), undoing mounts and namespaces
 * (container_release()), each step's own work (bundle.h, rootfs.h, network.h, runtime/).
 */
#pragma once

#include "base/bytes.h"

struct fault;
struct guest;
struct prepare;
struct rootfs_mounts;
struct sandbox_files;

/* Told once. Whatever @failed, the guest holds what was made so far. */
typedef void prepare_fn(struct guest *guest, const struct fault *failed);

/**
 * prepare_container() - prepare the init of a container that was just admitted
 * @guest:  the init, PREPARING, with hooks; ->prepare is set until @fn is called
 * @mounts: of the root file system; taken over and emptied
 * @fn:     told in a later turn, from inside this call, or from inside prepare_cancel()
 *
 * Looks for a reservation, and does what that did not do: reads config.json, asks for the image.
 */
void prepare_container(struct guest *guest, struct rootfs_mounts *mounts, prepare_fn *fn);

/**
 * prepare_sandbox() - the same for a sandbox of the Sandbox API, whose bundle has no config.json yet
 * @guest: the init of its container, PREPARING, with hooks
 * @files: of its bundle; taken over and emptied
 * @fn:    as above
 */
void prepare_sandbox(struct guest *guest, struct sandbox_files *files, prepare_fn *fn);

/**
 * prepare_exec() - prepare an exec of a container that lives
 * @guest:   the exec, PREPARING, with hooks
 * @process: JSON of its OCI process
 * @fn:      as above
 *
 * What can be executed is another command component of a tar image, or once more the
 * container's own component.
 */
void prepare_exec(struct guest *guest, struct text process, prepare_fn *fn);

/**
 * prepare_cancel() - give up
 * @prepare: of a guest that is still PREPARING
 *
 * Its callback is told FAULT_UNAVAILABLE, at once or when the step on the pool comes back.
 */
void prepare_cancel(struct prepare *prepare);
