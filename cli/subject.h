/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subjects: what skep inspect looks at, a file or an image in a registry.
 *
 * Belongs here: getting all that there is to know into memory. Blocks.
 * Does not belong here: what follows from it, and how it is shown (cli/report).
 */
#pragma once

#include "cli/fetch.h"
#include "oci/binary.h"
#include "oci/config.h"

struct subject {
    const char *source;      /* as a person wrote it; borrowed */
    struct fetched *fetched; /* NULL: it is a file */
    struct config *config;   /* of an image; NULL for a file */
    struct text wasm;        /* the component's bytes; empty when it lies where we do not look */
    struct digest_name digest; /* of those bytes */
    struct binary *binary;   /* NULL when wasm is empty */
    struct text mapped[2];   /* memory that the above lie in */
};

/**
 * subject_open() - read a file, or fetch an image
 * @source: a path that exists, else a reference; must outlive @ret
 * @ret:    all about it
 * @why:    the reason
 *
 * Return: 0 or negative.
 */
int subject_open(const char *source, own struct subject **ret, struct fault *why) MUST_USE;
struct subject *subject_free(own struct subject *subject); /* NULL in, NULL out */
DEFINE_AUTO(struct subject *, subject_free)

/* Return: an image's first word of the command line; "" when it has none. */
const char *subject_entrypoint(const struct subject *subject);
