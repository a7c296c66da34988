/* SPDX-License-Identifier: Apache-2.0 */
/* A header is 512 bytes, a file fills up to a multiple of that (pax(1), ustar interchange format). */
#include "oci/unpack.h"

#include <string.h>

#include "base/text.h"

enum {
    BLOCK = 512,
    NAME_AT = 0,
    NAME_ROOM = 100,
    MODE_AT = 100,
    MODE_ROOM = 8,
    SIZE_AT = 124,
    SIZE_ROOM = 12,
    SUM_AT = 148,
    SUM_ROOM = 8,
    TYPE_AT = 156,
    LINK_AT = 157,
    LINK_ROOM = 100,
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

static bool is_all_zero(const uint8_t *block)
{
    for (size_t i = 0; i < BLOCK; i++) {
        if (block[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool header_read(const uint8_t *header, struct unpack_member *ret, uint64_t *ret_size)
{
    *ret = (struct unpack_member){.name = field(header, NAME_AT, NAME_ROOM),
                                  .link = field(header, LINK_AT, LINK_ROOM),
                                  .type = (char)header[TYPE_AT]};
    if (memcmp(header + MAGIC_AT, "ustar", 6) == 0) {
        ret->prefix = field(header, PREFIX_AT, PREFIX_ROOM);
    }
    if (!read_octal(header + MODE_AT, MODE_ROOM, &ret->mode)) {
        ret->mode = UINT64_MAX;
    }
    return sum_is_right(header) && read_octal(header + SIZE_AT, SIZE_ROOM, ret_size);
}

enum unpack_answer unpack_next(struct cursor *tar, struct unpack_member *ret)
{
    const uint8_t *header = NULL;
    const uint8_t *bytes = NULL;
    const uint8_t *rest = NULL;
    uint64_t size = 0;
    size_t padding;

    if (!cursor_bytes(tar, BLOCK, &header)) {
        return cursor_left(tar) == 0 ? UNPACK_END : UNPACK_WRONG;
    }
    if (!header_read(header, ret, &size)) {
        return is_all_zero(header) ? UNPACK_END : UNPACK_WRONG;
    }
    if (size > cursor_left(tar) || !cursor_bytes(tar, (size_t)size, &bytes)) {
        return UNPACK_CUT;
    }
    ret->bytes = (struct text){(const char *)bytes, (size_t)size};
    /* The last one may lack its padding. */
    padding = (BLOCK - (size_t)(size % BLOCK)) % BLOCK;
    padding = padding < cursor_left(tar) ? padding : cursor_left(tar);
    return cursor_bytes(tar, padding, &rest) ? UNPACK_MEMBER : UNPACK_CUT;
}

/* Is "prefix/name" this path? Without a prefix, is the name? */
static bool is_named(const struct unpack_member *member, struct text path)
{
    struct text prefix = without_root(member->prefix);
    struct text name = prefix.length == 0 ? without_root(member->name) : member->name;

    if (prefix.length == 0) {
        return name.length == path.length && memcmp(name.at, path.at, path.length) == 0;
    }
    return path.length == prefix.length + 1 + name.length &&
           memcmp(path.at, prefix.at, prefix.length) == 0 && path.at[prefix.length] == '/' &&
           memcmp(path.at + prefix.length + 1, name.at, name.length) == 0;
}

bool unpack_find(struct cursor tar, const char *path, struct text *ret)
{
    struct text wanted = without_root(text_of(path));
    struct unpack_member member;
    bool found = false;

    while (unpack_next(&tar, &member) == UNPACK_MEMBER) {
        bool is_file = member.type == '0' || member.type == '\0';

        if (is_file && wanted.length > 0 && is_named(&member, wanted)) {
            *ret = member.bytes;
            found = true;
        }
    }
    return found;
}
