/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of small texts: everything is checked against bounds before a value is given back. */
#include "base/text.h"

#include <string.h>

struct text text_of(const char *terminated)
{
    return (struct text){.at = terminated, .length = terminated ? strlen(terminated) : 0};
}

bool text_is(struct text text, const char *terminated)
{
    size_t length = strlen(terminated);

    return text.length == length && memcmp(text.at, terminated, length) == 0;
}

bool text_starts(struct text text, const char *prefix)
{
    size_t length = strlen(prefix);

    return text.length >= length && memcmp(text.at, prefix, length) == 0;
}

own char *text_copy(struct text text)
{
    return memory_text(text.at ? text.at : "", text.length);
}

bool text_to_u64(struct text text, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (text.length == 0) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' ||
            __builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.at[i] - '0'), &value)) {
            return false;
        }
    }
    if (value < min || value > max) {
        return false;
    }
    *ret = value;
    return true;
}

static const struct unit {
    const char *name;
    uint64_t bytes;
} units[] = {
    {"Ki", 1ULL << 10}, {"Mi", 1ULL << 20}, {"Gi", 1ULL << 30},
    {"k", 1000ULL},     {"M", 1000000ULL},  {"G", 1000000000ULL},
};

bool text_to_bytes(struct text text, uint64_t max, uint64_t *ret)
{
    uint64_t factor = 1;
    uint64_t value = 0;

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        size_t length = strlen(units[i].name);

        if (text.length > length &&
            memcmp(text.at + text.length - length, units[i].name, length) == 0) {
            factor = units[i].bytes;
            text.length -= length;
            break;
        }
    }
    if (!text_to_u64(text, 0, UINT64_MAX, &value) ||
        __builtin_mul_overflow(value, factor, &value) || value > max) {
        return false;
    }
    *ret = value;
    return true;
}

static bool is_alphanumeric(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z');
}

bool text_is_identifier(struct text text)
{
    bool word = false; /* the last byte belonged to a word */

    if (text.length == 0 || text.length > IDENTIFIER_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.at[i];

        if (is_alphanumeric(byte)) {
            word = true;
        } else if (word && (byte == '.' || byte == '_' || byte == '-')) {
            word = false;
        } else {
            return false;
        }
    }
    return word;
}

void text_hex(const uint8_t *bytes, size_t length, char *ret)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < length; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * length] = '\0';
}

/* Bytes of the UTF-8 character at @at (RFC 3629: shortest form, no surrogates); 0 for none. */
static size_t character_bytes(const unsigned char *at)
{
    static const struct form {
        unsigned char first;
        unsigned char last;
        unsigned char low; /* bounds of the second byte */
        unsigned char high;
        size_t bytes;
    } forms[] = {
        {0x20, 0x7e, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        const struct form *form = &forms[i];

        if (at[0] < form->first || at[0] > form->last) {
            continue;
        }
        if (form->bytes > 1 && (at[1] < form->low || at[1] > form->high)) {
            return 0;
        }
        for (size_t k = 2; k < form->bytes; k++) {
            if ((at[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return form->bytes;
    }
    return 0;
}

void text_make_printable(char *text)
{
    while (*text != '\0') {
        size_t bytes = character_bytes((const unsigned char *)text);
        bool is_c1 = bytes == 2 && (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0;

        if (bytes == 0 || is_c1) {
            *text = '?';
            bytes = 1;
        }
        text += bytes;
    }
}
