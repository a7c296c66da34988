/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML: the little of containerd's configuration that has to be known before it can be changed.
 *
 * Belongs here: the root table's version and imports; which lines of a dump are about a runtime.
 * Does not belong here: whether the file is right (containerd itself is asked), what is written.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct fault;

enum {
    TOML_FILE_MAX = 4 * 1024 * 1024, /* bytes of a configuration or of its dump */
    TOML_IMPORTS_MAX = 32,
    TOML_IMPORT_ROOM = 1024,
    TOML_DEPTH_MAX = 32, /* of arrays and inline tables in each other */
};

struct toml_facts {
    int64_t version; /* 0: the root table names none */
    char imports[TOML_IMPORTS_MAX][TOML_IMPORT_ROOM];
    size_t imports_count;
};

/**
 * toml_read() - what a configuration says about itself
 * @file: its bytes; only the root table, up to the first header, is looked at
 * @what: its name in sentences
 * @ret:  the facts
 * @why:  FAULT_UNSUPPORTED for a template ("{{"), FAULT_INVALID for what is no TOML, FAULT_LIMIT
 *
 * Return: 0 or negative. Thread: any.
 */
int toml_read(struct text file, const char *what, struct toml_facts *ret,
              struct fault *why) MUST_USE;

/**
 * toml_rest() - the lines of a dump that are not about some runtimes
 * @dump:     as "containerd config dump" prints it: a header has a line of its own
 * @runtimes: keys below containerd.runtimes, ended by NULL
 * @ret:      appended to: every line but those of these tables, and but the list of imports, which
 *            containerd fills with the files that it read
 *
 * Return: how many tables of @runtimes itself there were (not those below them). Thread: any.
 */
size_t toml_rest(struct text dump, const char *const *runtimes, struct buf *ret);
