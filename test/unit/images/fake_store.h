/* SPDX-License-Identifier: Apache-2.0 */
/* A store in memory: containers, images and blobs that a test puts there. */
#pragma once

#include <stdbool.h>

#include "oci/images/store.h"

enum { FAKE_MAX = 80 };

struct fake_store {
    struct {
        const char *id;
        const char *image;
    } containers[FAKE_MAX];
    struct {
        const char *name;
        const char *media_type;
        char digest[DIGEST_NAME_ROOM];
        uint64_t size;
    } images[FAKE_MAX];
    struct {
        char digest[DIGEST_NAME_ROOM];
        const void *bytes;
        size_t length;
    } blobs[FAKE_MAX];
    bool as_files;    /* open_blob() gives memory files */
    unsigned reads;   /* blobs that were opened or streamed */
};

struct store fake_store(struct fake_store *fake);

/* Return: its digest, borrowed. @bytes must outlive the store. */
const char *fake_add_blob(struct fake_store *fake, const void *bytes, size_t length);
void fake_add_image(struct fake_store *fake, const char *name, const char *media_type,
                    const char *digest, uint64_t size);
void fake_add_container(struct fake_store *fake, const char *id, const char *image);
