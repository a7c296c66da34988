/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces: names of what components import and export, and which version serves which.
 *
 * Versions fit as Wasmtime and wac match them: from 1.0.0 on within one major number, below within
 * one minor number (0.2.x), below 0.1.0 and for pre-releases only the very same. Besides, who
 * serves must not be older than what is wanted.
 *
 * Belongs here: reading and comparing one name. Does not belong here: who exports it (plan).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Borrowed from the name that was read. */
struct interface {
    struct text path;    /* "acme:vault/store"; all of a name that ends in no version */
    struct text version; /* "1.2.0-rc.1"; empty: none */
    uint64_t numbers[3];
    struct text pre; /* "rc.1"; empty: a release */
};

/* Every text is a name: what does not look like a version is part of the path. */
struct interface interface_read(const char *name);

enum interface_match {
    INTERFACE_OTHER,   /* another path */
    INTERFACE_FOREIGN, /* another line of versions */
    INTERFACE_OLDER,   /* the right line, but older than wanted */
    INTERFACE_FITS,
};

enum interface_match interface_match(const struct interface *wanted,
                                     const struct interface *offered);

/* Order by path, then by version: negative, 0, positive. */
int interface_order(const struct interface *a, const struct interface *b);
