/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References: the names of images in registries, registry/repository:tag@digest.
 *
 * Belongs here: parsing and printing, with every limit of the distribution specification. Pure.
 * Does not belong here: short names (a registry is always written out), speaking to a registry.
 */
#pragma once

#include "base/bytes.h"
#include "oci/digest.h"

struct fault;

enum {
    REFERENCE_NAME_MAX = 255, /* registry "/" repository (distribution-spec, pulling manifests) */
    REFERENCE_TAG_MAX = 128,
    REFERENCE_TEXT_MAX = REFERENCE_NAME_MAX + 1 + REFERENCE_TAG_MAX + 1 + DIGEST_NAME_ROOM,
};

struct reference {
    char registry[REFERENCE_NAME_MAX + 1];   /* "ghcr.io", "localhost:5000", "[::1]:5000" */
    char repository[REFERENCE_NAME_MAX + 1]; /* "acme/app" */
    char tag[REFERENCE_TAG_MAX + 1];         /* "" for none */
    char digest[DIGEST_NAME_ROOM];           /* "sha256:…", "" for none */
};

/**
 * reference_parse() - take a reference apart
 * @text: the reference, at most REFERENCE_TEXT_MAX bytes
 * @ret:  its parts; untouched on failure
 * @why:  FAULT_INVALID or FAULT_LIMIT naming the part that is wrong
 *
 * The first part must be a registry: it holds a dot or a colon, or is "localhost". For docker.io
 * a repository of one part is one of "library/", as every other tool has it.
 *
 * Return: 0 or negative. Thread: any.
 */
int reference_parse(struct text text, struct reference *ret, struct fault *why) MUST_USE;

/**
 * reference_print() - put a reference together again
 * @reference: from reference_parse()
 * @ret:       NUL-terminated; parsing it gives @reference
 *
 * Thread: any.
 */
void reference_print(const struct reference *reference, char ret[REFERENCE_TEXT_MAX + 1]);

/**
 * reference_target() - what to ask a registry for
 * @reference: from reference_parse()
 *
 * Return: the digest, else the tag, else "latest". Thread: any.
 */
const char *reference_target(const struct reference *reference);

/**
 * reference_is_repository() - may this be the name of a repository?
 * @text: "acme/app"
 *
 * Return: whether it may. Thread: any.
 */
bool reference_is_repository(struct text text);
