/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and the names of the files that hold their values.
 *
 * Belongs here: one name for each key and back, and the order in which keys are listed. Does not
 * belong here: folders and files (bucket).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IDENTIFIER_MOST = 64, /* bytes of a bucket's name */
    KEY_MOST = 80,             /* bytes of a key */
    NAME_SIZE = 3 * KEY_MOST + 1, /* of a file's name with its NUL, below the 255 of file systems */
};

struct key {
    uint8_t at[KEY_MOST];
    size_t count;
};

/** key_bucket() - a bucket's name, "default" for none. Return: false when it is not as allowed. */
bool key_bucket(const uint8_t *name, size_t count, char ret[IDENTIFIER_MOST + 1]);

/** key_name() - the name of a key's file: its bytes, all but A-Z a-z 0-9 . _ - as %XX, no dot first */
void key_name(const struct key *key, char name[NAME_SIZE]);

/** key_from_name() - the key whose file has this name. Return: false when it is no name of ours. */
bool key_from_name(const char *name, struct key *ret);

/** key_place() - where a key stands in a listing; two keys share a place about never */
uint64_t key_place(const struct key *key);
