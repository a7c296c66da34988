/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections of a module: core specification 3.0, section 5.5. Sections of a component:
 * component-model design/mvp/Binary.md; only import (10) and export (11) sections are opened, and in
 * them only as much of a type is read as must be skipped to find the next name.
 */
#include "oci/binary.h"

#include <string.h>

#include "base/fault.h"
#include "base/text.h"

enum {
    MODULE_IMPORTS = 2,
    MODULE_EXPORTS = 7,
    COMPONENT_IMPORTS = 10,
    COMPONENT_EXPORTS = 11,
};

static const uint8_t module_head[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};
static const uint8_t component_head[8] = {0, 'a', 's', 'm', 0x0d, 0, 1, 0};

bool binary_is_wasm(const void *head, size_t length)
{
    return length >= 8 &&
           (memcmp(head, module_head, 8) == 0 || memcmp(head, component_head, 8) == 0);
}

/* LEB128, at most 32 bits in at most five bytes. */
static bool read_number(struct cursor *in, uint32_t *ret)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = 0;

        if (!cursor_u8(in, &byte)) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *ret = (uint32_t)value;
            return value <= UINT32_MAX;
        }
    }
    return false;
}

/* Continuation bytes behind a first byte of UTF-8; 4 for what cannot begin a character. */
static unsigned continuation_count(uint8_t first)
{
    return first < 0x80                     ? 0
           : first >= 0xc2 && first <= 0xdf ? 1
           : first >= 0xe0 && first <= 0xef ? 2
           : first >= 0xf0 && first <= 0xf4 ? 3
                                            : 4;
}

/* Names are UTF-8 in every binary format; they end up in JSON. Overlong forms and surrogates are
 * told by the second byte (Unicode, table 3-7). */
static bool is_utf8(const uint8_t *at, size_t length)
{
    for (size_t i = 0; i < length;) {
        uint8_t first = at[i];
        unsigned more = continuation_count(first);

        if (more == 4 || more >= length - i) {
            return false;
        }
        if ((first == 0xe0 && at[i + 1] < 0xa0) || (first == 0xed && at[i + 1] > 0x9f) ||
            (first == 0xf0 && at[i + 1] < 0x90) || (first == 0xf4 && at[i + 1] > 0x8f)) {
            return false;
        }
        for (unsigned next = 1; next <= more; next++) {
            if ((at[i + next] & 0xc0) != 0x80) {
                return false;
            }
        }
        i += more + 1;
    }
    return true;
}

static bool read_name(struct cursor *in, struct text *ret)
{
    const uint8_t *at = NULL;
    uint32_t length = 0;

    if (!read_number(in, &length) || length > BINARY_NAME_MAX || !cursor_bytes(in, length, &at) ||
        (length > 0 && memchr(at, 0, length)) || !is_utf8(at, length)) {
        return false;
    }
    *ret = (struct text){(const char *)at, length};
    return true;
}

/* 0x00 or 0x01 and a name; 0x02, a name and a suffix of its version. */
static bool read_extern_name(struct cursor *in, struct text *ret)
{
    struct text suffix;
    uint8_t form = 0;

    return cursor_u8(in, &form) && form <= 2 && read_name(in, ret) &&
           (form < 2 || read_name(in, &suffix));
}

/* A primitive value type is one byte from 0x64 up; any other is the index of a type. */
static bool skip_value_type(struct cursor *in)
{
    struct cursor ahead = *in;
    uint32_t index = 0;
    uint8_t byte = 0;

    if (cursor_u8(&ahead, &byte) && byte >= 0x64 && byte <= 0x7f) {
        *in = ahead;
        return true;
    }
    return read_number(in, &index);
}

static bool skip_extern_description(struct cursor *in)
{
    uint32_t index = 0;
    uint8_t sort = 0;
    uint8_t bound = 0;

    if (!cursor_u8(in, &sort)) {
        return false;
    }
    switch (sort) {
    case 0x00: /* core module */
        return cursor_u8(in, &bound) && bound == 0x11 && read_number(in, &index);
    case 0x01: /* function */
    case 0x04: /* component */
    case 0x05: /* instance */
        return read_number(in, &index);
    case 0x02: /* value: equal to another, or of a type */
        return cursor_u8(in, &bound) &&
               (bound == 0 ? read_number(in, &index) : bound == 1 && skip_value_type(in));
    case 0x03: /* type: equal to another, or a fresh resource */
        return cursor_u8(in, &bound) && (bound == 0 ? read_number(in, &index) : bound == 1);
    default:
        return false;
    }
}

static bool skip_export_target(struct cursor *in)
{
    uint32_t index = 0;
    uint8_t sort = 0;
    uint8_t described = 0;

    return cursor_u8(in, &sort) && sort <= 5 && (sort != 0 || cursor_u8(in, &sort)) &&
           read_number(in, &index) && cursor_u8(in, &described) &&
           (described == 0 || (described == 1 && skip_extern_description(in)));
}

static bool skip_limits(struct cursor *in)
{
    uint32_t number = 0;
    uint8_t flags = 0;

    return cursor_u8(in, &flags) && flags <= 7 && read_number(in, &number) &&
           ((flags & 1) == 0 || read_number(in, &number));
}

/* One byte; 0x63 and 0x64 are followed by a heap type. */
static bool skip_core_type(struct cursor *in)
{
    uint32_t heap = 0;
    uint8_t byte = 0;

    return cursor_u8(in, &byte) && ((byte != 0x63 && byte != 0x64) || read_number(in, &heap));
}

static bool skip_core_description(struct cursor *in)
{
    uint32_t index = 0;
    uint8_t sort = 0;
    uint8_t byte = 0;

    if (!cursor_u8(in, &sort)) {
        return false;
    }
    switch (sort) {
    case 0: /* function */
        return read_number(in, &index);
    case 1: /* table of references */
        return skip_core_type(in) && skip_limits(in);
    case 2: /* memory */
        return skip_limits(in);
    case 3: /* global */
        return skip_core_type(in) && cursor_u8(in, &byte);
    case 4: /* tag */
        return cursor_u8(in, &byte) && read_number(in, &index);
    default:
        return false;
    }
}

static bool read_core_import(struct cursor *in, struct text *ret)
{
    struct text field;

    return read_name(in, ret) && read_name(in, &field) && skip_core_description(in);
}

static bool read_core_export(struct cursor *in, struct text *ret)
{
    uint32_t index = 0;
    uint8_t sort = 0;

    return read_name(in, ret) && cursor_u8(in, &sort) && read_number(in, &index);
}

static bool read_import(struct cursor *in, struct text *ret)
{
    return read_extern_name(in, ret) && skip_extern_description(in);
}

static bool read_export(struct cursor *in, struct text *ret)
{
    return read_extern_name(in, ret) && skip_export_target(in);
}

typedef bool read_entry_fn(struct cursor *in, struct text *ret);

static bool names_hold(const struct binary_names *names, struct text name)
{
    return names->count > 0 && names->names[names->count - 1].length == name.length &&
           memcmp(names->names[names->count - 1].at, name.at, name.length) == 0;
}

static int read_section(struct cursor section, const char *what, read_entry_fn *read_entry,
                        struct binary_names *names, struct fault *why)
{
    uint32_t count = 0;
    struct text name = {0};

    if (!read_number(&section, &count)) {
        return fault(why, FAULT_INVALID, "the %s section is cut short", what);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!read_entry(&section, &name)) {
            return fault(why, FAULT_INVALID, "entry %u of the %s section cannot be read", i + 1,
                         what);
        }
        if (names_hold(names, name)) {
            continue; /* a module imports its functions one by one */
        }
        if (names->count == BINARY_NAMES_MAX) {
            return fault(why, FAULT_LIMIT, "the %s section has more than %d names", what,
                         BINARY_NAMES_MAX);
        }
        names->names[names->count++] = name;
    }
    if (cursor_left(&section) != 0) {
        return fault(why, FAULT_INVALID, "the %s section is longer than its entries", what);
    }
    return 0;
}

static int read_sections(struct cursor in, struct binary *binary, struct fault *why)
{
    bool component = binary->kind == BINARY_COMPONENT;

    for (unsigned sections = 0; cursor_left(&in) > 0; sections++) {
        const uint8_t *body = NULL;
        uint32_t length = 0;
        uint8_t id = 0;

        if (sections == BINARY_SECTIONS_MAX) {
            return fault(why, FAULT_LIMIT, "there are more than %d sections", BINARY_SECTIONS_MAX);
        }
        if (!cursor_u8(&in, &id) || !read_number(&in, &length) ||
            !cursor_bytes(&in, length, &body)) {
            return fault(why, FAULT_INVALID, "section %u is cut short: the file is truncated",
                         sections + 1);
        }
        if (id == (component ? COMPONENT_IMPORTS : MODULE_IMPORTS)) {
            TRY(read_section(cursor_over(body, length), "import",
                             component ? read_import : read_core_import, &binary->imports, why));
        } else if (id == (component ? COMPONENT_EXPORTS : MODULE_EXPORTS)) {
            TRY(read_section(cursor_over(body, length), "export",
                             component ? read_export : read_core_export, &binary->exports, why));
        }
    }
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    const struct text *left = (const struct text *)a;
    const struct text *right = (const struct text *)b;
    size_t shared = left->length < right->length ? left->length : right->length;
    int order = shared > 0 ? memcmp(left->at, right->at, shared) : 0;

    return order != 0 ? order : (left->length > right->length) - (left->length < right->length);
}

/* Into binary order, each once: the same component must give the same config on every machine. */
static void names_sort(struct binary_names *names)
{
    size_t kept = 0;

    if (names->count > 1) {
        qsort(names->names, names->count, sizeof(struct text), by_bytes);
    }
    for (size_t i = 0; i < names->count; i++) {
        if (kept == 0 || by_bytes(&names->names[kept - 1], &names->names[i]) != 0) {
            names->names[kept++] = names->names[i];
        }
    }
    names->count = kept;
}

int binary_read(struct cursor bytes, own struct binary **ret, struct fault *why)
{
    AUTO(binary_free) struct binary *binary = NEW(struct binary);
    const uint8_t *head = NULL;

    if (!cursor_bytes(&bytes, 8, &head) || !binary_is_wasm(head, 8)) {
        return fault(why, FAULT_INVALID, "it is not WebAssembly: it does not begin with \\0asm and "
                     "the version of a module or a component");
    }
    binary->kind = memcmp(head, component_head, 8) == 0 ? BINARY_COMPONENT : BINARY_MODULE;
    binary->imports.names = NEW_ARRAY(BINARY_NAMES_MAX, struct text);
    binary->exports.names = NEW_ARRAY(BINARY_NAMES_MAX, struct text);
    TRY(read_sections(bytes, binary, why));
    names_sort(&binary->imports);
    names_sort(&binary->exports);
    *ret = TAKE(binary);
    return 0;
}

struct binary *binary_free(own struct binary *binary)
{
    if (binary) {
        free(binary->imports.names);
        free(binary->exports.names);
        free(binary);
    }
    return NULL;
}

static bool exports_interface(const struct binary *binary, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < binary->exports.count; i++) {
        struct text at = binary->exports.names[i];

        if (text_is(at, name) || (text_starts(at, name) && at.at[length] == '@')) {
            return true;
        }
    }
    return false;
}

enum binary_role binary_role(const struct binary *binary)
{
    if (exports_interface(binary, "wasi:http/incoming-handler") ||
        exports_interface(binary, "wasi:http/handler")) {
        return BINARY_SERVER;
    }
    if (exports_interface(binary, "wasi:cli/run") ||
        (binary->kind == BINARY_MODULE && exports_interface(binary, "_start"))) {
        return BINARY_COMMAND;
    }
    return BINARY_LIBRARY;
}

const char *binary_role_name(enum binary_role role)
{
    static const char *const names[] = {
        [BINARY_COMMAND] = "command", [BINARY_SERVER] = "server", [BINARY_LIBRARY] = "library"};

    return names[role];
}
