/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configs: what an image says about itself, for people and for skep inspect.
 *
 * Belongs here: reading the CNCF Wasm config and the OCI image config with bounds. Pure.
 * Does not belong here: believing them: what a component imports is read from its bytes
 * (oci/binary).
 */
#pragma once

#include "base/bytes.h"
#include "oci/media.h"

struct fault;
struct node;

enum {
    CONFIG_BYTES_MAX = 4 * 1024 * 1024,
    CONFIG_NAMES_MAX = 4096, /* entries of any list */
};

/* Texts and lists are borrowed from the config; "" and NULL for what is absent. */
struct config {
    const char *architecture;
    const char *os;
    const char *created;
    const char *author;
    const struct node *entrypoint; /* image config: lists of texts */
    const struct node *cmd;
    const struct node *imports; /* Wasm config: lists of texts */
    const struct node *exports;
    const char *target;
    struct node *root;
};

/**
 * config_parse() - read a config
 * @bytes: the document, at most CONFIG_BYTES_MAX bytes
 * @type:  its media type; of a type that is not known nothing is read
 * @ret:   the config
 * @why:   wrong type, out of bounds, no JSON
 *
 * Return: 0 or negative. Thread: any.
 */
int config_parse(struct text bytes, const char *type, own struct config **ret,
                 struct fault *why) MUST_USE;
struct config *config_free(own struct config *config); /* NULL in, NULL out */
DEFINE_AUTO(struct config *, config_free)
