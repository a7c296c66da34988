/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's EVP picks the machine's SHA instructions. Its calls fail only when memory is gone,
 * which ends the program as everywhere in base.
 */
#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"

enum { READ_SIZE = 256 * 1024 };

struct digest {
    EVP_MD_CTX *evp;
};

static void must(int done)
{
    if (done != 1) {
        (void)fputs("skep: no digest is available\n", stderr);
        abort();
    }
}

own struct digest *digest_new_kind(enum digest_kind kind)
{
    struct digest *digest = NEW(struct digest);
    const EVP_MD *algorithm = kind == DIGEST_SHA512 ? EVP_sha512() : EVP_sha256();

    digest->evp = EVP_MD_CTX_new();
    must(digest->evp && EVP_DigestInit_ex(digest->evp, algorithm, NULL) == 1);
    return digest;
}

own struct digest *digest_new(void)
{
    return digest_new_kind(DIGEST_SHA256);
}

struct digest *digest_free(own struct digest *digest)
{
    if (digest) {
        EVP_MD_CTX_free(digest->evp);
        free(digest);
    }
    return NULL;
}

void digest_add(struct digest *digest, const void *bytes, size_t length)
{
    must(EVP_DigestUpdate(digest->evp, bytes, length));
}

void digest_end(struct digest *digest, char ret[DIGEST_HEX_ROOM])
{
    uint8_t raw[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    must(EVP_DigestFinal_ex(digest->evp, raw, &length) == 1 && length == DIGEST_HEX_LENGTH / 2);
    text_hex(raw, length, ret);
}

void digest_end_kind(struct digest *digest, char ret[DIGEST_HEX_ROOM_MAX])
{
    uint8_t raw[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    must(EVP_DigestFinal_ex(digest->evp, raw, &length) == 1 &&
         2 * length < DIGEST_HEX_ROOM_MAX);
    text_hex(raw, length, ret);
}

void digest_bytes(const void *bytes, size_t length, char ret[DIGEST_HEX_ROOM])
{
    AUTO(digest_free) struct digest *digest = digest_new();

    digest_add(digest, bytes, length);
    digest_end(digest, ret);
}

int digest_file(int fd, uint64_t max, char ret[DIGEST_HEX_ROOM])
{
    AUTO(digest_free) struct digest *digest = digest_new();
    AUTO(memory_free) uint8_t *room = NEW_ARRAY(READ_SIZE, uint8_t);
    uint64_t offset = 0;

    for (;;) {
        ssize_t got = pread(fd, room, READ_SIZE, (off_t)offset);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -errno;
        }
        if (got == 0) {
            break;
        }
        offset += (uint64_t)got;
        if (offset > max) {
            return -EFBIG;
        }
        digest_add(digest, room, (size_t)got);
    }
    digest_end(digest, ret);
    return 0;
}
