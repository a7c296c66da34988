/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Announcing: a launcher's `start` says that a container is about to be created. Is it ours?
 *
 * Belongs here: looking at its spec and its image, and reserving what was found for Create.
 * Does not belong here: the launcher's socket (shim/daemon), handing over to runc (shim/launcher).
 */
#pragma once

#include "base/attr.h"
#include "shim/pod/pods.h"

struct fault;

enum announce_answer {
    ANNOUNCE_OURS,   /* reserved */
    ANNOUNCE_NATIVE, /* holds no Wasm; nothing was reserved */
};

/* Told once; @failed is NULL or why nothing could be found out. */
typedef void announce_fn(void *owner, enum announce_answer answer, const struct fault *failed);

/**
 * announce() - whose is it?
 * @pods: where it is going to be
 * @name: who it is; copied
 * @mode: CONTROL_DOMAIN_*; copied
 * @fn:   told in a later turn, or from inside this call
 * @owner: for @fn; must live until then
 *
 * A container whose first argument ends in ".wasm" is ours; so is one of an artifact or a Wasm
 * layer, but not one of another image or of none. A pause is ours without asking. So is a bundle
 * without a config.json, which is how containerd announces a sandbox of the Sandbox API; and one that
 * cannot be read: Create says why.
 */
void announce(struct pods *pods, const struct pods_name *name, const char *mode, announce_fn *fn,
              void *owner);
