/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache: what the compiler made, kept on disk by what it was made from.
 *
 * An entry is three files: KEY.cwasm (code), KEY.json (its description) and KEY.sum (the digests
 * of both, as sha256sum prints them). Entries are code that workers map: the folder belongs to
 * this user alone, files are never changed, and a digest is checked before the first use in a
 * process. Several processes may share a folder.
 *
 * Belongs here: finding, admitting, sweeping. Does not belong here: compiling, and what a
 * description says (runtime/supervisor).
 *
 * Thread: any, for every function. All of them block on the disk.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct cache;
struct fault;

enum {
    CACHE_KEY_ROOM = 65,
    CACHE_DESCRIPTION_MAX = 1024 * 1024,
    CACHE_CODE_MAX = 1024 * 1024 * 1024,
};
#define CACHE_BYTES_DEFAULT (10ULL << 30)

/**
 * cache_open() - use a folder as cache
 * @dir:   absolute; made with mode 0700 if missing, refused if another user may write to it
 * @bytes: cache_sweep() brings it down to this size; 0: CACHE_BYTES_DEFAULT
 * @ret:   the cache
 * @why:   the reason
 *
 * Return: 0 or negative.
 */
int cache_open(const char *dir, uint64_t bytes, own struct cache **ret, struct fault *why) MUST_USE;
struct cache *cache_close(own struct cache *cache); /* NULL in, NULL out */
DEFINE_AUTO(struct cache *, cache_close)

/**
 * cache_key() - the name of what a compiler makes of a component
 * @component: digest of the component, 64 hexadecimal digits
 * @identity:  of the compiler, 64 hexadecimal digits
 * @ret:       the key
 */
void cache_key(const char *component, const char *identity, char ret[CACHE_KEY_ROOM]);

/* Rests at {-1, NULL}. While @code or a duplicate is open anywhere, no sweep removes the entry. */
struct cache_entry {
    int code;              /* read-only; owned */
    own char *description; /* JSON, NUL-terminated */
};
void cache_entry_fini(struct cache_entry *entry);

enum cache_answer { CACHE_FOUND, CACHE_MISSING };

/**
 * cache_find() - look for an entry
 * @cache: the cache
 * @key:   its name
 * @ret:   filled when found
 * @why:   the reason
 *
 * An entry whose digests do not hold is removed, logged, and missing.
 *
 * Return: CACHE_FOUND, CACHE_MISSING or negative.
 */
int cache_find(struct cache *cache, const char *key, struct cache_entry *ret, struct fault *why)
    MUST_USE;

/* What a compiler writes into; removed by cache_draft_fini() unless admitted. Rests at -1. */
struct cache_draft {
    int code;        /* a file in the cache's folder, for reading and writing; owned */
    int description; /* memory, for reading and writing; owned */
    char name[128];
};

int cache_draft(struct cache *cache, const char *key, struct cache_draft *ret, struct fault *why)
    MUST_USE;
void cache_draft_fini(struct cache *cache, struct cache_draft *draft);

/**
 * cache_admit() - make an entry of what was written; nobody may write to it any more
 * @cache: the cache
 * @key:   its name; an entry that is there already, from another process, is kept
 * @draft: from cache_draft(); finished on success
 * @ret:   the new entry
 * @why:   the reason
 *
 * On disk after a crash: the whole entry or none of it.
 *
 * Return: 0 or negative.
 */
int cache_admit(struct cache *cache, const char *key, struct cache_draft *draft,
                struct cache_entry *ret, struct fault *why) MUST_USE;

/**
 * cache_sweep() - remove what was used longest ago, and remains of crashes older than an hour
 * @cache: the cache
 *
 * Does nothing while the folder is below its size. Entries in use stay.
 *
 * Return: bytes that were freed.
 */
uint64_t cache_sweep(struct cache *cache);
