/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native containers: those whose image holds no Wasm are handed to the stock runc shim.
 *
 * The bundle's config.json is edited where it names namespaces of a pause that is virtual, then
 * containerd-shim-runc-v2 replaces this process; a marker file makes its delete do the same.
 *
 * Belongs here: what is edited, the marker, the exec.
 * Does not belong here: making the pod's namespaces (pod_namespaces.c).
 */
#pragma once

#include <stdbool.h>

struct options;

/* Become the runc shim's start; ends with a sentence when that fails. cwd is the bundle. */
void native_start(const struct options *options, char **argv) __attribute__((noreturn));

/* Was this bundle (the cwd) handed over? */
bool native_is_marked(void);

/* Become the runc shim's delete. */
void native_delete(const struct options *options, char **argv) __attribute__((noreturn));

/* The pause of a pod is deleted: end what native containers of the pod have left behind. Does nothing
 * for any other id. */
void native_pod_gone(const char *id);
