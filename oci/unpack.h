/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking: one file out of a tar layer.
 *
 * Belongs here: POSIX ustar headers, read with bounds. Pure; fuzzed.
 * Does not belong here: compression, whole root filesystems (containerd's snapshotters).
 */
#pragma once

#include "base/bytes.h"

/**
 * unpack_find() - a regular file of a tar
 * @tar:  the whole layer, uncompressed
 * @path: "/app.wasm"; a leading slash or "./" makes no difference, here and there
 * @ret:  the file's bytes, borrowed from what @tar reads; of several of that name the last
 *
 * What is behind a header that cannot be read is not looked at.
 *
 * Return: false when there is no such file. Thread: any.
 */
bool unpack_find(struct cursor tar, const char *path, struct text *ret) MUST_USE;
