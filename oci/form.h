/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms: what an image is to us, and which of its layers is the component.
 *
 * Belongs here: the decision, from media types alone. Pure.
 * Does not belong here: bytes of layers, what a container's arguments say about a tar image.
 */
#pragma once

#include "oci/manifest.h"

struct fault;

enum form {
    FORM_ARTIFACT, /* a Wasm config, or one that says nothing, and one Wasm layer */
    FORM_LAYER,    /* an image config and one Wasm layer */
    FORM_TAR,      /* an image config and tar layers; a file in them may be a component */
};

/**
 * form_decide() - what is this image?
 * @manifest:  of kind MANIFEST_IMAGE
 * @ret:       its form
 * @ret_layer: the layer that is the component, borrowed from @manifest; NULL for FORM_TAR
 * @why:       FAULT_UNSUPPORTED naming the kind of image and the rule that it breaks
 *
 * Return: 0 or negative. Thread: any.
 */
int form_decide(const struct manifest *manifest, enum form *ret,
                const struct descriptor **ret_layer, struct fault *why) MUST_USE;

/* Return: "artifact", "image" or "tar", as skep push --format has them. Thread: any. */
const char *form_name(enum form form);
