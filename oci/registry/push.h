/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pushing: blobs first, then the manifest that names them.
 *
 * Belongs here: the order of requests. Everything blocks.
 * Does not belong here: what is pushed (cli/push).
 */
#pragma once

#include "base/bytes.h"
#include "oci/digest.h"

struct fault;
struct registry;

enum {
    PUSH_CHUNK_ABOVE = 64 * 1024 * 1024, /* larger blobs are sent in pieces, resumable */
    PUSH_CHUNK_BYTES = 8 * 1024 * 1024,
};

struct push_blob {
    struct digest_name digest;
    const void *bytes; /* NULL: from @file */
    int file;          /* can be read at offsets */
    uint64_t length;
    uint64_t chunk; /* bytes of a piece; 0: by the limits above */
};

enum push_answer { PUSH_SENT, PUSH_WAS_THERE };

/**
 * push_blob() - see that a repository has a blob
 * @registry: opened with REGISTRY_PUSH
 * @blob:     the bytes and their digest; borrowed
 * @why:      the reason
 *
 * A piece that is lost or comes out of order is sent again from where the registry says it is.
 *
 * Return: enum push_answer, or negative.
 */
int push_blob(struct registry *registry, const struct push_blob *blob, struct fault *why) MUST_USE;

/**
 * push_manifest() - publish a manifest whose blobs are all there
 * @registry:   opened with REGISTRY_PUSH
 * @target:     a tag, or the manifest's digest
 * @media_type: of the manifest
 * @bytes:      the manifest
 * @why:        the reason; also when the registry made another digest of it
 *
 * Return: 0 or negative.
 */
int push_manifest(struct registry *registry, const char *target, const char *media_type,
                  struct text bytes, struct fault *why) MUST_USE;
