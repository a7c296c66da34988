/* SPDX-License-Identifier: Apache-2.0 */
/* A header is 512 bytes, a file fills up to a multiple of that (pax(1), ustar interchange format). */
#include "oci/unpack.h"

#include <string.h>

#include "base/text.h"

enum {
    BLOCK = 512,
    NAME_AT = 0,
    NAME_ROOM = 100,
    SIZE_AT = 124,
    SIZE_ROOM = 12,
    SUM_AT = 148,
    SUM_ROOM = 8,
    TYPE_AT = 156,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_ROOM = 155,
};

/* Octal digits, ended by a space, a NUL or the field. */
static bool read_octal(const uint8_t *at, size_t room, uint64_t *ret)
{
    uint64_t value = 0;
    size_t i = 0;

    while (i < room && at[i] == ' ') {
        i++;
    }
    for (; i < room && at[i] != '\0' && at[i] != ' '; i++) {
        if (at[i] < '0' || at[i] > '7') {
            return false;
        }
        value = value << 3 | (uint64_t)(at[i] - '0');
    }
    *ret = value;
    return true;
}

static bool sum_is_right(const uint8_t *header)
{
    uint64_t wanted = 0;
    uint64_t sum = 0;

    for (size_t i = 0; i < BLOCK; i++) {
        sum += i >= SUM_AT && i < SUM_AT + SUM_ROOM ? (uint64_t)' ' : header[i];
    }
    return read_octal(header + SUM_AT, SUM_ROOM, &wanted) && wanted == sum;
}

static struct text field(const uint8_t *header, size_t at, size_t room)
{
    return (struct text){(const char *)header + at, strnlen((const char *)header + at, room)};
}

static struct text without_root(struct text path)
{
    size_t skip = text_starts(path, "./") ? 2 : text_starts(path, "/") ? 1 : 0;

    return (struct text){path.at + skip, path.length - skip};
}

/* Is "prefix/name" this path? Without a prefix, is the name? */
static bool is_named(const uint8_t *header, struct text path)
{
    struct text name = field(header, NAME_AT, NAME_ROOM);
    struct text prefix = {0};

    if (memcmp(header + MAGIC_AT, "ustar", 6) == 0) {
        prefix = without_root(field(header, PREFIX_AT, PREFIX_ROOM));
    }
    if (prefix.length == 0) {
        name = without_root(name);
        return name.length == path.length && memcmp(name.at, path.at, path.length) == 0;
    }
    return path.length == prefix.length + 1 + name.length &&
           memcmp(path.at, prefix.at, prefix.length) == 0 && path.at[prefix.length] == '/' &&
           memcmp(path.at + prefix.length + 1, name.at, name.length) == 0;
}

bool unpack_find(struct cursor tar, const char *path, struct text *ret)
{
    struct text wanted = without_root(text_of(path));
    const uint8_t *header = NULL;
    const uint8_t *bytes = NULL;
    const uint8_t *rest = NULL;
    uint64_t size = 0;
    bool found = false;

    while (cursor_bytes(&tar, BLOCK, &header) && sum_is_right(header) &&
           read_octal(header + SIZE_AT, SIZE_ROOM, &size) && size <= cursor_left(&tar)) {
        bool is_file = header[TYPE_AT] == '0' || header[TYPE_AT] == '\0';

        if (!cursor_bytes(&tar, (size_t)size, &bytes)) {
            break;
        }
        if (is_file && wanted.length > 0 && is_named(header, wanted)) {
            *ret = (struct text){(const char *)bytes, (size_t)size};
            found = true;
        }
        if (size % BLOCK != 0 && !cursor_bytes(&tar, BLOCK - (size_t)(size % BLOCK), &rest)) {
            break;
        }
    }
    return found;
}
