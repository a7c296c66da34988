/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetching: from a reference to the manifest that is meant, for pull and inspect.
 *
 * Belongs here: following indexes, deciding the form. Blocks.
 * Does not belong here: the requests (oci/registry), what is done with the layer.
 */
#pragma once

#include "oci/form.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "oci/registry/pull.h"

struct fault;
struct registry;

struct fetched {
    struct reference reference;
    struct registry *registry;
    struct pulled_manifest about;
    struct manifest *manifest;
    enum form form;
    const struct descriptor *layer; /* the component; of a tar image its first layer */
};

/**
 * fetch() - the manifest behind a reference
 * @reference: as a person wrote it
 * @ret:       the manifest; through indexes, the entry that is Wasm or this machine's
 * @why:       the reason
 *
 * Return: 0 or negative.
 */
int fetch(const char *reference, own struct fetched **ret, struct fault *why) MUST_USE;
struct fetched *fetched_free(own struct fetched *fetched); /* NULL in, NULL out */
DEFINE_AUTO(struct fetched *, fetched_free)

/**
 * fetch_layer() - the bytes of the layer
 * @fetched: from fetch()
 * @file:    empty, writable and seekable
 * @why:     the reason
 *
 * Return: 0 or negative.
 */
int fetch_layer(struct fetched *fetched, int file, struct fault *why) MUST_USE;
