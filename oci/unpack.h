/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking: the members of a tar, one file out of a layer.
 *
 * Belongs here: POSIX ustar headers, read with bounds. Pure; fuzzed.
 * Does not belong here: compression, whole root filesystems (containerd's snapshotters), writing files.
 */
#pragma once

#include "base/bytes.h"

enum unpack_answer {
    UNPACK_MEMBER,
    UNPACK_END,   /* of the members: a block of zeros, or no block */
    UNPACK_WRONG, /* no header, or one whose checksum is wrong */
    UNPACK_CUT,   /* a member's bytes are not all there */
};

/* Texts and bytes are borrowed from the tar. */
struct unpack_member {
    struct text prefix; /* of its name, without the slash between; empty: none */
    struct text name;
    struct text link; /* where a link leads */
    uint64_t mode; /* UINT64_MAX: not readable */
    char type; /* '0' or NUL: file, '2': symbolic link, '5': folder */
    struct text bytes;
};

/**
 * unpack_next() - the next member of a tar
 * @tar: the tar, uncompressed; behind the member afterwards, else of no use any more
 * @ret: the member; nothing of its header but the checksum has been judged
 *
 * Thread: any.
 */
enum unpack_answer unpack_next(struct cursor *tar, struct unpack_member *ret) MUST_USE;

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
