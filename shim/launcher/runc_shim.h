/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runc shims that native containers of a pod have started.
 *
 * containerd 2.x never sends Shutdown for a version 3 task inside a sandbox: it expects the pause's
 * shim to end. Ours does not, so each would leave a process behind; they are written down at a
 * container's delete and ended when the pod goes.
 *
 * Belongs here: the list and the ttrpc call.
 */
#pragma once

/* Note the shim whose address is in the bundle's bootstrap.json (cwd), under the pod; when the pod is
 * gone already, end it now. */
void runc_shim_note(const char *pod, const char *namespace_id, const char *id);

/* End all that were noted under the pod. */
void runc_shims_end(const char *pod);
