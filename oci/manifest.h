/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and indexes: what an image consists of, as a registry or containerd holds it.
 *
 * Belongs here: reading foreign documents with bounds, choosing among an index's entries. Pure.
 * Does not belong here: configs (oci/config), what an image is to us (oci/form), fetching.
 */
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "oci/digest.h"
#include "oci/media.h"

struct fault;
struct node;

enum {
    MANIFEST_BYTES_MAX = 4 * 1024 * 1024, /* what registries accept at least; we read no more */
    MANIFEST_LAYERS_MAX = 256,
    MANIFEST_ENTRIES_MAX = 1024, /* of an index */
    MANIFEST_DEPTH_MAX = 4,      /* indexes within indexes, followed by whoever fetches them */
};

/* Texts are borrowed from the manifest; "" for what is absent. */
struct descriptor {
    const char *media_type;
    struct digest_name digest;
    uint64_t size;
    const char *artifact_type;
    const char *title;        /* annotation org.opencontainers.image.title */
    const char *os;           /* of an index's entry; "" when no platform is given */
    const char *architecture;
    const char *variant;
    bool attestation; /* of an index's entry: describes another one, is no image */
};

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };

struct manifest {
    enum manifest_kind kind;
    const char *media_type; /* never "": the document's, else the one it came under */
    const char *artifact_type;
    struct descriptor config; /* MANIFEST_IMAGE */
    struct descriptor *items; /* layers, or entries of the index */
    size_t count;
    const struct node *annotations; /* texts only; NULL for none */
    struct node *root;              /* what everything is borrowed from */
};

/**
 * manifest_parse() - read a manifest or an index
 * @bytes: the document, at most MANIFEST_BYTES_MAX bytes
 * @type:  the media type it came under, without parameters; "" when unknown
 * @ret:   the manifest
 * @why:   FAULT_INVALID, FAULT_LIMIT, or FAULT_UNSUPPORTED for types refused by name; also when
 *         the document's own mediaType is another than @type
 *
 * Return: 0 or negative. Thread: any.
 */
int manifest_parse(struct text bytes, const char *type, own struct manifest **ret,
                   struct fault *why) MUST_USE;
struct manifest *manifest_free(own struct manifest *manifest); /* NULL in, NULL out */
DEFINE_AUTO(struct manifest *, manifest_free)

enum manifest_taste {
    MANIFEST_FOR_HOST, /* as containerd chooses: this machine, then any, then Wasm */
    MANIFEST_FOR_WASM, /* as a person means it: Wasm, then any, then this machine */
};

/**
 * manifest_choose() - the entries of an index that may be meant, the best first
 * @index:     of kind MANIFEST_INDEX
 * @taste:     what is best
 * @ret:       indexes into @index->items; entries of other machines and attestations are left out
 * @ret_count: how many, at most MANIFEST_ENTRIES_MAX
 *
 * Entries that are equally good keep the document's order.
 *
 * Thread: any.
 */
void manifest_choose(const struct manifest *index, enum manifest_taste taste,
                     size_t ret[MANIFEST_ENTRIES_MAX], size_t *ret_count);

/* Return: this machine as images name it: "amd64", "arm64", … Thread: any. */
const char *manifest_host_architecture(void);
