/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests: SHA-256 (and, where a name asks for it, SHA-512) of bytes and files, as lower-case
 * hexadecimal.
 *
 * Belongs here: hashing; with oci/verify the only user of OpenSSL.
 * Does not belong here: signatures (oci/verify), the "sha256:" form of references (oci).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct digest; /* one that is being computed */

enum { DIGEST_HEX_LENGTH = 64, DIGEST_HEX_ROOM = 65 };
enum { DIGEST_HEX_ROOM_MAX = 129 }; /* of any kind */

enum digest_kind { DIGEST_SHA256, DIGEST_SHA512 };

own struct digest *digest_new(void) MUST_USE;
struct digest *digest_free(own struct digest *digest); /* NULL in, NULL out */
DEFINE_AUTO(struct digest *, digest_free)

/**
 * digest_add() - take in more bytes
 * @digest: not yet ended
 * @bytes:  what to hash
 * @length: bytes, any number
 *
 * Thread: any, one at a time.
 */
void digest_add(struct digest *digest, const void *bytes, size_t length);

/**
 * digest_end() - the digest of all that was added
 * @digest: to be freed after it; nothing can be added any more
 * @ret:    64 hexadecimal digits and NUL
 *
 * Thread: any, one at a time.
 */
void digest_end(struct digest *digest, char ret[DIGEST_HEX_ROOM]);

/* The same two for a kind that is chosen when the program runs. */
own struct digest *digest_new_kind(enum digest_kind kind) MUST_USE;
void digest_end_kind(struct digest *digest, char ret[DIGEST_HEX_ROOM_MAX]);

/* The same for bytes that lie in memory. Thread: any. */
void digest_bytes(const void *bytes, size_t length, char ret[DIGEST_HEX_ROOM]);

/**
 * digest_file() - the digest of a whole file, from its start
 * @fd:  a file that can be read at offsets; its own offset stays
 * @max: most bytes that are read; a longer file is -EFBIG
 * @ret: 64 hexadecimal digits and NUL
 *
 * Blocks. Return: 0 or negative errno. Thread: any.
 */
int digest_file(int fd, uint64_t max, char ret[DIGEST_HEX_ROOM]) MUST_USE;
