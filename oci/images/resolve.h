/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolving: from a container to its component, through image, index and manifest.
 *
 * Belongs here: the path, its limits, remembering what a digest was decided to be.
 * Does not belong here: containerd's API (containerd.h), bytes (blobs.h), packets (protocol.h).
 *
 * Thread: any, for every function but resolver_free().
 */
#pragma once

#include "oci/images/blobs.h"
#include "oci/images/reader.h"
#include "oci/images/store.h"

struct resolver;

/**
 * resolver_new() - a resolver over a store
 * @store: copied; its owner must outlive the resolver
 * @blobs: of the same store; must outlive the resolver
 *
 * Return: the resolver.
 */
own struct resolver *resolver_new(struct store store, struct blobs *blobs) MUST_USE;
struct resolver *resolver_free(own struct resolver *resolver); /* NULL in, NULL out */
DEFINE_AUTO(struct resolver *, resolver_free)

/**
 * resolver_find() - the image of a container
 * @resolver: the resolver
 * @space:    containerd's namespace
 * @id:       the container
 * @ret:      what image_find() answers; its descriptor is the caller's
 * @why:      the reason
 *
 * Return: 0 or negative.
 */
int resolver_find(struct resolver *resolver, const char *space, const char *id, struct image *ret,
                  struct fault *why) MUST_USE;
