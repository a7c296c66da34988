/* SPDX-License-Identifier: Apache-2.0 */
/* Cells are kept in one array, row by row, titles first. */
#include "cli/table.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

enum { GAP = 2, FIRST_ROOM = 256 };

struct table {
    const struct table_column *columns;
    size_t columns_count;
    own char **cells;
    size_t cells_count;
    size_t room;
    size_t widths[TABLE_COLUMNS_MAX];
};

static bool begins_character(char byte)
{
    return ((unsigned char)byte & 0xC0) != 0x80;
}

size_t table_characters(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++) {
        count += begins_character(*text) ? 1 : 0;
    }
    return count;
}

/* Bytes of the first @most characters. */
static size_t bytes_of(const char *text, size_t most)
{
    size_t at = 0;

    for (size_t count = 0; text[at] != '\0'; at++) {
        count += begins_character(text[at]) ? 1 : 0;
        if (count > most) {
            break;
        }
    }
    return at;
}

own struct table *table_new(const struct table_column *columns, size_t count)
{
    struct table *table = NEW(struct table);

    assert(count > 0 && count <= TABLE_COLUMNS_MAX);
    table->columns = columns;
    table->columns_count = count;
    for (size_t i = 0; i < count; i++) {
        table_put(table, columns[i].title);
    }
    return table;
}

struct table *table_free(own struct table *table)
{
    if (table) {
        for (size_t i = 0; i < table->cells_count; i++) {
            free(table->cells[i]);
        }
        free(table->cells);
        free(table);
    }
    return NULL;
}

void table_put(struct table *table, const char *cell)
{
    size_t *width = &table->widths[table->cells_count % table->columns_count];
    size_t bytes = bytes_of(cell, TABLE_CELL_MAX);

    if (table->cells_count == table->room) {
        size_t room = table->room == 0 ? FIRST_ROOM : 2 * table->room;
        char **more = NEW_ARRAY(room, char *);

        if (table->cells_count > 0) {
            memcpy(more, table->cells, table->cells_count * sizeof(*more));
        }
        free(table->cells);
        table->cells = more;
        table->room = room;
    }
    table->cells[table->cells_count] = memory_text(cell, bytes);
    bytes = table_characters(table->cells[table->cells_count]);
    *width = *width > bytes ? *width : bytes;
    table->cells_count++;
}

static void spaces(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_put_u8(out, ' ');
    }
}

static void put_row(const struct table *table, char *const *cells, struct buf *out)
{
    for (size_t i = 0; i < table->columns_count; i++) {
        size_t pad = table->widths[i] - table_characters(cells[i]);
        bool is_last = i + 1 == table->columns_count;

        spaces(out, table->columns[i].is_number ? pad : 0);
        buf_put(out, cells[i], strlen(cells[i]));
        spaces(out, is_last ? 0 : (table->columns[i].is_number ? GAP : pad + GAP));
    }
}

void table_print(const struct table *table, size_t width, struct buf *out)
{
    for (size_t at = 0; at + table->columns_count <= table->cells_count;
         at += table->columns_count) {
        AUTO(buf_fini) struct buf line =
            BUF(TABLE_COLUMNS_MAX * (4 * TABLE_CELL_MAX + GAP) + 1);

        put_row(table, &table->cells[at], &line);
        buf_put_u8(&line, 0);
        buf_put(out, line.data,
                width != 0 ? bytes_of((const char *)line.data, width) : line.length - 1);
        buf_put_u8(out, '\n');
    }
}
