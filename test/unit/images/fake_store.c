/* SPDX-License-Identifier: Apache-2.0 */
/* Streams come in pieces of 5 bytes, so that every joint is seen. */
#include "fake_store.h"

#include <string.h>

#include "base/fault.h"
#include "base/fs.h"

static size_t free_row(const char *const first, size_t stride)
{
    size_t row = 0;

    while (row < FAKE_MAX && first[row * stride] != '\0') {
        row++;
    }
    return row;
}

const char *fake_add_blob(struct fake_store *fake, const void *bytes, size_t length)
{
    size_t row = free_row(fake->blobs[0].digest, sizeof(fake->blobs[0]));
    struct digest_name name;

    digest_name_of(bytes, length, &name);
    memcpy(fake->blobs[row].digest, name.text, sizeof(name.text));
    fake->blobs[row].bytes = bytes;
    fake->blobs[row].length = length;
    return fake->blobs[row].digest;
}

void fake_add_image(struct fake_store *fake, const char *name, const char *media_type,
                    const char *digest, uint64_t size)
{
    size_t row = free_row(fake->images[0].digest, sizeof(fake->images[0]));

    fake->images[row].name = name;
    fake->images[row].media_type = media_type;
    fake->images[row].size = size;
    memcpy(fake->images[row].digest, digest, strlen(digest) + 1);
}

void fake_add_container(struct fake_store *fake, const char *id, const char *image)
{
    size_t row = 0;

    while (fake->containers[row].id) {
        row++;
    }
    fake->containers[row].id = id;
    fake->containers[row].image = image;
}

static int find_container(void *owner, const char *space, const char *id,
                          char ret[STORE_IMAGE_NAME_MAX + 1], struct fault *why)
{
    const struct fake_store *fake = (const struct fake_store *)owner;

    (void)space;
    for (size_t i = 0; i < FAKE_MAX && fake->containers[i].id; i++) {
        if (strcmp(fake->containers[i].id, id) == 0) {
            memcpy(ret, fake->containers[i].image, strlen(fake->containers[i].image) + 1);
            return 0;
        }
    }
    return fault(why, FAULT_NOT_FOUND, "no such container");
}

static int find_image(void *owner, const char *space, const char *name, struct store_target *ret,
                      struct fault *why)
{
    const struct fake_store *fake = (const struct fake_store *)owner;

    (void)space;
    for (size_t i = 0; i < FAKE_MAX && fake->images[i].name; i++) {
        if (strcmp(fake->images[i].name, name) == 0) {
            memcpy(ret->media_type, fake->images[i].media_type,
                   strlen(fake->images[i].media_type) + 1);
            ret->size = fake->images[i].size;
            return digest_name_parse((struct text){fake->images[i].digest,
                                                   strlen(fake->images[i].digest)},
                                     &ret->digest, why);
        }
    }
    return fault(why, FAULT_NOT_FOUND, "no such image");
}

static size_t find_row(struct fake_store *fake, const struct digest_name *digest)
{
    size_t row = 0;

    while (row < FAKE_MAX && strcmp(fake->blobs[row].digest, digest->text) != 0) {
        row++;
    }
    return row;
}

static int open_blob(void *owner, const struct digest_name *digest)
{
    struct fake_store *fake = (struct fake_store *)owner;
    size_t row = find_row(fake, digest);
    int fd;

    if (!fake->as_files || row == FAKE_MAX) {
        return -1;
    }
    fake->reads++;
    fd = fs_memory("blob", fake->blobs[row].bytes, fake->blobs[row].length);
    return fd < 0 ? -1 : fd;
}

static int read_blob(void *owner, const char *space, const struct digest_name *digest,
                     store_sink_fn *sink, void *sink_owner, struct fault *why)
{
    struct fake_store *fake = (struct fake_store *)owner;
    size_t row = find_row(fake, digest);

    (void)space;
    if (row == FAKE_MAX) {
        return fault(why, FAULT_NOT_FOUND, "no such blob");
    }
    fake->reads++;
    for (size_t at = 0; at < fake->blobs[row].length; at += 5) {
        size_t left = fake->blobs[row].length - at;

        TRY(sink(sink_owner, (const char *)fake->blobs[row].bytes + at, left < 5 ? left : 5, why));
    }
    return 0;
}

struct store fake_store(struct fake_store *fake)
{
    return (struct store){.owner = fake,
                          .find_container = find_container,
                          .find_image = find_image,
                          .open_blob = open_blob,
                          .read_blob = read_blob};
}
