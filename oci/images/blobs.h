/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs: bytes of a store that have been compared with their digest; components as sealed memory,
 * the last ones kept, so that a thousand containers of one component read it once.
 *
 * Belongs here: reading with limits, hashing, sealing, remembering.
 * Does not belong here: which blob is wanted (resolve.h).
 *
 * Thread: any, for every function but blobs_free().
 */
#pragma once

#include "oci/images/store.h"

struct blobs;

enum { BLOBS_KEPT_MAX = 64 };

/**
 * blobs_new() - blobs of a store
 * @store:    copied; its owner must outlive the blobs
 * @kept_max: most bytes of components that are kept
 *
 * Return: the blobs.
 */
own struct blobs *blobs_new(struct store store, uint64_t kept_max) MUST_USE;
struct blobs *blobs_free(own struct blobs *blobs); /* NULL in, NULL out */
DEFINE_AUTO(struct blobs *, blobs_free)

/* A blob as a manifest or an image's record promises it. */
struct blob {
    const char *what; /* "the manifest", for sentences */
    const struct digest_name *digest;
    uint64_t size;
};

/**
 * blobs_document() - a small blob
 * @blobs: the blobs
 * @space: containerd's namespace
 * @blob:  which; a size above @ret's maximum is FAULT_LIMIT before anything is read
 * @ret:   emptied, then filled
 * @why:   FAULT_NOT_FOUND when the store does not hold it, FAULT_INVALID when the bytes are others
 *
 * Return: 0 or negative.
 */
int blobs_document(struct blobs *blobs, const char *space, const struct blob *blob,
                   struct buf *ret, struct fault *why) MUST_USE;

/**
 * blobs_component() - a layer that is WebAssembly
 * @blobs:  the blobs
 * @space:  containerd's namespace
 * @blob:   which; named by sha256, at most IMAGE_BYTES_MAX bytes
 * @ret_fd: its bytes, sealed; the caller's
 * @why:    the reason
 *
 * Of several threads that want the same at once, one reads and the others wait for it.
 *
 * Return: 0 or negative.
 */
int blobs_component(struct blobs *blobs, const char *space, const struct blob *blob, int *ret_fd,
                    struct fault *why) MUST_USE;

/**
 * blobs_file() - a component that is a file
 * @blobs:    the blobs
 * @file:     read at offsets
 * @ret_name: its digest
 * @ret_fd:   a sealed copy, shared with all who have the same component; the caller's
 * @why:      too large, no WebAssembly, changed while it was read
 *
 * Return: 0 or negative.
 */
int blobs_file(struct blobs *blobs, int file, struct digest_name *ret_name, int *ret_fd,
               struct fault *why) MUST_USE;

/* Lets go of all that is kept. */
void blobs_forget(struct blobs *blobs);
