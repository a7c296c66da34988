/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Media types: which of those met in manifests mean what.
 *
 * Belongs here: the table (media.def) and looking up in it.
 * Does not belong here: what follows from a type (oci/form).
 */
#pragma once

#include <stdbool.h>

enum media_class {
    MEDIA_UNKNOWN,
    MEDIA_MANIFEST,
    MEDIA_INDEX,
    MEDIA_WASM_CONFIG,
    MEDIA_OLD_CONFIG,
    MEDIA_IMAGE_CONFIG,
    MEDIA_WASM_LAYER,
    MEDIA_TAR_LAYER,
    MEDIA_GZIP_LAYER,
    MEDIA_ZSTD_LAYER,
    MEDIA_REFUSED,
};

enum { MEDIA_TYPE_MAX = 255 };

#define MEDIA_TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_TYPE_WASM_CONFIG "application/vnd.wasm.config.v0+json"
#define MEDIA_TYPE_IMAGE_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_TYPE_WASM_LAYER "application/wasm"
#define MEDIA_TYPE_TAR_LAYER "application/vnd.oci.image.layer.v1.tar"

/**
 * media_class() - what a media type means
 * @type: the type without parameters; compared byte by byte
 *
 * Return: its class, MEDIA_UNKNOWN for what media.def does not hold. Thread: any.
 */
enum media_class media_class(const char *type);

/* Return: what a MEDIA_REFUSED type belongs to, "a Spin application; …". Thread: any. */
const char *media_refusal(const char *type);

/* May this be a media type (RFC 6838, section 4.2), at most MEDIA_TYPE_MAX bytes? Thread: any. */
bool media_is_type(const char *type);
