/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of digests: "sha256:" or "sha512:" and lower-case hexadecimal.
 *
 * Belongs here: parsing names, and comparing bytes with them.
 * Does not belong here: hashing (base/digest).
 */
#pragma once

#include "base/bytes.h"
#include "base/digest.h"

struct fault;

enum { DIGEST_NAME_ROOM = 7 + 128 + 1 };

struct digest_name {
    enum digest_kind kind;
    char text[DIGEST_NAME_ROOM]; /* "sha256:…" */
};

/**
 * digest_name_parse() - a digest's name as manifests and references write it
 * @text: "sha256:" and 64, or "sha512:" and 128 lower-case hexadecimal digits
 * @ret:  the name; untouched on failure
 * @why:  FAULT_UNSUPPORTED for other algorithms, FAULT_INVALID for anything else
 *
 * Return: 0 or negative. Thread: any.
 */
int digest_name_parse(struct text text, struct digest_name *ret, struct fault *why) MUST_USE;

/* Return: the hexadecimal part, borrowed from @name. Thread: any. */
const char *digest_name_hex(const struct digest_name *name);

/**
 * digest_name_of() - the sha256 name of bytes
 * @bytes:  what to hash
 * @length: bytes
 * @ret:    the name
 *
 * Thread: any.
 */
void digest_name_of(const void *bytes, size_t length, struct digest_name *ret);

/**
 * digest_name_of_file() - the sha256 name of a whole file
 * @fd:  a file that can be read at offsets
 * @max: most bytes that are read; more is -EFBIG
 * @ret: the name
 *
 * Blocks. Return: 0 or negative errno. Thread: any.
 */
int digest_name_of_file(int fd, uint64_t max, struct digest_name *ret) MUST_USE;

/**
 * digest_name_end() - does what was hashed have this name?
 * @digest: made by digest_new_kind(@wanted->kind), everything added; ended by this call
 * @wanted: the name that was promised
 * @what:   what was hashed, for the sentence: "the layer"
 * @why:    FAULT_INVALID naming both digests
 *
 * Return: 0 or negative. Thread: any.
 */
int digest_name_end(struct digest *digest, const struct digest_name *wanted, const char *what,
                    struct fault *why) MUST_USE;

/* The same for bytes that lie in memory. */
int digest_name_check(const struct digest_name *wanted, struct text bytes, const char *what,
                      struct fault *why) MUST_USE;
