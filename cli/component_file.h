/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A component from a file: a sealed copy, and the digest of exactly these bytes.
 *
 * The copy matters: the cache is found by the digest, so a file that changes after it was hashed
 * must not get its code under the old name.
 *
 * Belongs here: reading. Does not belong here: what the bytes are (the compiler says).
 */
#pragma once

#include "base/attr.h"

struct fault;

enum {
    COMPONENT_FILE_BYTES_MAX = 512 * 1024 * 1024,
    COMPONENT_FILE_DIGEST_ROOM = 72, /* "sha256:", 64 digits, NUL */
};

/**
 * component_file_open() - copy and hash a file
 * @path:   the file
 * @ret:    sealed memory at offset 0, owned by the caller
 * @digest: its name
 * @why:    the reason
 *
 * Blocks. Return: 0 or negative.
 */
int component_file_open(const char *path, int *ret, char digest[COMPONENT_FILE_DIGEST_ROOM],
                        struct fault *why) MUST_USE;
