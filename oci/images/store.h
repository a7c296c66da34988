/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: what the image reader asks of containerd, as a handful of functions, so that all that
 * judges the answers can be tested without one.
 *
 * Belongs here: the shape of the questions.
 * Does not belong here: gRPC (containerd.h), what the answers mean (resolve.h).
 */
#pragma once

#include "base/bytes.h"
#include "oci/digest.h"
#include "oci/media.h"

struct fault;

enum { STORE_IMAGE_NAME_MAX = 4096 };

/* Where an image's name points: a manifest or an index. */
struct store_target {
    char media_type[MEDIA_TYPE_MAX + 1];
    struct digest_name digest;
    uint64_t size;
};

/* Takes the next piece of a blob; negative stops the reading. */
typedef int store_sink_fn(void *owner, const void *bytes, size_t length, struct fault *why);

/* All functions are called on several threads at once; each may block for seconds, not for ever. */
struct store {
    void *owner;

    /* The name of a container's image into @ret (NUL-terminated; "" when it has none). */
    int (*find_container)(void *owner, const char *space, const char *id,
                          char ret[STORE_IMAGE_NAME_MAX + 1], struct fault *why);

    int (*find_image)(void *owner, const char *space, const char *name, struct store_target *ret,
                      struct fault *why);

    /* The blob as a file, to be closed by the caller; -1 when it can only be streamed. */
    int (*open_blob)(void *owner, const struct digest_name *digest);

    /* The blob piece by piece, in order; FAULT_NOT_FOUND when the store does not hold it. */
    int (*read_blob)(void *owner, const char *space, const struct digest_name *digest,
                     store_sink_fn *sink, void *sink_owner, struct fault *why);
};
