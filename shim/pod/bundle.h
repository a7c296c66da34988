/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle: the folder that containerd prepared for one container.
 *
 * Belongs here: reading config.json, finding the component inside a root file system, writing the
 * termination message where the kubelet reads it.
 * Does not belong here: mounting (rootfs.h), what the spec means (runtime/grant/decide).
 *
 * Thread: any; all of it may block, so the loop leaves it to the pool.
 */
#pragma once

#include "base/attr.h"

struct fault;
struct spec;

/**
 * bundle_read() - config.json
 * @bundle: absolute path of the bundle
 * @ret:    the spec
 * @why:    the reason; FAULT_LIMIT beyond SPEC_BYTES_MAX
 *
 * Return: 0 or negative.
 */
int bundle_read(const char *bundle, own struct spec **ret, struct fault *why) MUST_USE;

/**
 * bundle_rootfs() - where the root file system is
 * @bundle: absolute path of the bundle
 * @spec:   names it absolutely, or relative to the bundle
 *
 * Return: absolute path, for free().
 */
own char *bundle_rootfs(const char *bundle, const struct spec *spec) MUST_USE;

/**
 * bundle_open_component() - the file that the first argument names
 * @rootfs: absolute path of the root file system; its symlinks lead nowhere outside
 * @cwd:    of the process, for a relative name; NULL for "/"
 * @name:   the first argument
 * @ret:    the file, owned by the caller
 * @why:    FAULT_NOT_FOUND, FAULT_INVALID when it is no regular file
 *
 * Return: 0 or negative.
 */
int bundle_open_component(const char *rootfs, const char *cwd, const char *name, int *ret,
                          struct fault *why) MUST_USE;

/**
 * bundle_write_message() - the last words, for `kubectl describe`
 * @path: the node's side of the mount at the termination log; a regular file that exists
 * @text: written from the start, what was there goes; at most 4,096 bytes
 *
 * A failure has nobody to tell but the log of the caller.
 *
 * Return: 0 or negative errno.
 */
int bundle_write_message(const char *path, const char *text) MUST_USE;
