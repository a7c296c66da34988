/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of words: columns as wide as their longest cell.
 *
 * Belongs here: widths and padding. Does not belong here: what a cell says.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct buf;
struct table;

enum { TABLE_COLUMNS_MAX = 16, TABLE_CELL_MAX = 128 }; /* characters of a cell; the rest is cut */

struct table_column {
    const char *title;
    bool is_number; /* set to the right */
};

/* @columns: @count of them, borrowed. */
own struct table *table_new(const struct table_column *columns, size_t count) MUST_USE;
struct table *table_free(own struct table *table);
DEFINE_AUTO(struct table *, table_free)

/* The next cell, row after row; copied. */
void table_put(struct table *table, const char *cell);

/* Lines of @width characters at most, 0 being any; titles first. */
void table_print(const struct table *table, size_t width, struct buf *out);

/* How many characters a text in UTF-8 has. */
size_t table_characters(const char *text);
