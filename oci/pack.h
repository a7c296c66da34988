/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing: a component as an image, the same bytes for the same input.
 *
 * Belongs here: config, layer and manifest of the three forms. Pure.
 * Does not belong here: sending them (oci/registry).
 */
#pragma once

#include "base/bytes.h"
#include "oci/digest.h"
#include "oci/form.h"

struct fault;

enum {
    PACK_WASM_MAX = 512 * 1024 * 1024,
    PACK_NAME_MAX = 99,         /* bytes of a file's name: what a ustar header holds */
    PACK_ANNOTATIONS_MAX = 64,
    PACK_ENTRYPOINT_MAX = 64,
};

struct pack_plan {
    enum form form;
    struct text wasm; /* a module or component, at most PACK_WASM_MAX bytes */
    const char *name; /* of the file, "app.wasm"; in a tar image it lies at the top */
    const char *const *entrypoint; /* image and tar: ended by NULL; NULL: the file itself */
    const char *const *annotations; /* of the manifest, "key=value", ended by NULL; NULL: none */
    int64_t created;                /* seconds since 1970 */
};

/* One blob: its bytes are in @packed, or are the plan's own (artifact and image layers). */
struct pack_blob {
    struct digest_name digest;
    struct text bytes;
};

struct packed {
    struct pack_blob config;
    struct pack_blob layer;
    struct pack_blob manifest;
    const char *media_type; /* of the manifest */
    struct buf held[3];
};

/**
 * pack() - make the blobs of an image
 * @plan: what to pack; must outlive @ret
 * @ret:  the blobs
 * @why:  FAULT_INVALID: no WebAssembly, a name that cannot be, an annotation without "="
 *
 * Return: 0 or negative. Thread: any.
 */
int pack(const struct pack_plan *plan, own struct packed **ret, struct fault *why) MUST_USE;
struct packed *packed_free(own struct packed *packed); /* NULL in, NULL out */
DEFINE_AUTO(struct packed *, packed_free)
