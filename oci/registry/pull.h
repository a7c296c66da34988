/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulling: manifests into memory, blobs into files, every digest checked.
 *
 * Belongs here: the requests and the checks. Everything blocks.
 * Does not belong here: choosing among an index's entries (oci/manifest).
 */
#pragma once

#include "base/bytes.h"
#include "oci/digest.h"

struct descriptor;
struct fault;
struct registry;

struct pulled_manifest {
    char media_type[256]; /* without parameters; "" when the registry said none */
    struct digest_name digest;
};

/**
 * pull_manifest() - fetch a manifest or index
 * @registry: the repository
 * @target:   a tag or a digest
 * @ret:      emptied, then the bytes; its max is the limit
 * @about:    its type and digest, computed here; equal to @target if that is a digest, and to what the
 *            registry says
 * @why:      FAULT_NOT_FOUND naming the target, and everything else that can go wrong
 *
 * Return: 0 or negative.
 */
int pull_manifest(struct registry *registry, const char *target, struct buf *ret,
                  struct pulled_manifest *about, struct fault *why) MUST_USE;

/**
 * pull_blob() - fetch a blob into a file
 * @registry: the repository
 * @blob:     its digest and size; more bytes than that are refused
 * @file:     empty, writable and seekable; holds exactly the blob afterwards
 * @why:      the reason; also a wrong size or digest
 *
 * A connection that breaks is resumed where it broke.
 *
 * Return: 0 or negative.
 */
int pull_blob(struct registry *registry, const struct descriptor *blob, int file,
              struct fault *why) MUST_USE;
