/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the platform's components share: small files, text, and sentences for those who asked.
 *
 * Belongs here: what two of them need, on WASI's libc alone. Does not belong here: a word of an
 * interface (each component's own), anything of the product that runs them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SENTENCE_MOST = 512, /* bytes of a sentence, its NUL included */
};

enum file_answer {
    FILE_READ,
    FILE_ABSENT,  /* nothing of that name, or no regular file */
    FILE_TOO_BIG, /* larger than was asked for; its size is known */
};

struct bytes {
    uint8_t *at; /* on the heap; NULL when there are none */
    size_t count;
};

/**
 * file_read() - a regular file, whole
 * @path: where it is; symbolic links are followed inside the mount
 * @most: bytes that it may have
 * @ret:  its bytes, the caller's to free; after FILE_TOO_BIG only their count, and none on failure
 *
 * Return: a file_answer, or a negative errno.
 */
int file_read(const char *path, size_t most, struct bytes *ret);

/** text_is_utf8() - may these bytes cross an interface as a string? */
bool text_is_utf8(const uint8_t *at, size_t count);

/** sentence() - printed text on the heap, at most SENTENCE_MOST - 1 bytes of it */
struct bytes sentence(const char *format, ...) __attribute__((format(printf, 1, 2)));
