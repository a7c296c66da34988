/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: a name is taken for a key only if that key has this very name. */
#include "platform/keyvalue/key.h"

#include "platform/file.h"

#include <string.h>

static bool is_plain(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte == '.';
}

bool key_bucket(const uint8_t *name, size_t count, char ret[IDENTIFIER_MOST + 1])
{
    if (count == 0) {
        name = (const uint8_t *)"default";
        count = strlen("default");
    }
    if (count > IDENTIFIER_MOST || name[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_plain(name[i])) {
            return false;
        }
    }
    memcpy(ret, name, count);
    ret[count] = '\0';
    return true;
}

void key_name(const struct key *key, char name[NAME_SIZE])
{
    static const char digits[] = "0123456789ABCDEF";
    size_t count = 0;

    for (size_t i = 0; i < key->count; i++) {
        uint8_t byte = key->at[i];

        if (is_plain(byte) && (i > 0 || byte != '.')) {
            name[count++] = (char)byte;
        } else {
            name[count++] = '%';
            name[count++] = digits[byte >> 4];
            name[count++] = digits[byte & 15U];
        }
    }
    name[count] = '\0';
}

static uint8_t digit(char letter)
{
    return (uint8_t)(letter <= '9' ? letter - '0' : letter - 'A' + 10);
}

bool key_from_name(const char *name, struct key *ret)
{
    char again[NAME_SIZE];
    struct key key = {.count = 0};

    for (const char *at = name; *at != '\0'; at++) {
        if (key.count == KEY_MOST) {
            return false;
        }
        if (*at != '%') {
            key.at[key.count++] = (uint8_t)*at;
        } else if (at[1] != '\0' && at[2] != '\0') {
            key.at[key.count++] = (uint8_t)(digit(at[1]) << 4 | digit(at[2]));
            at += 2;
        } else {
            return false;
        }
    }
    key_name(&key, again);
    if (key.count == 0 || strcmp(name, again) != 0 || !text_is_utf8(key.at, key.count)) {
        return false;
    }
    *ret = key;
    return true;
}

/* FNV-1a, then the end of MurmurHash3, which spreads it. */
uint64_t key_place(const struct key *key)
{
    uint64_t sum = 0xcbf29ce484222325U;

    for (size_t i = 0; i < key->count; i++) {
        sum = (sum ^ key->at[i]) * 0x100000001b3U;
    }
    sum = (sum ^ sum >> 33) * 0xff51afd7ed558ccdU;
    sum = (sum ^ sum >> 33) * 0xc4ceb9fe1a85ec53U;
    return sum ^ sum >> 33;
}
