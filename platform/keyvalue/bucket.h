/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buckets: folders below a mount with a file for each key (bucket.c), or the keys of a server that
 * begin with a bucket's name (redis.c). A component has one of the two.
 *
 * Belongs here: the limits of values, and where they are kept. Does not belong here: the interface's
 * types (keyvalue.c).
 */
#pragma once

#include "platform/file.h"
#include "platform/keyvalue/key.h"

enum {
    ROOT_MOST = 255, /* bytes of KEYVALUE_FOLDER */
    VALUE_MOST = 1024 * 1024,
    PAGE_MOST = 256, /* keys of one listing */
};

enum bucket_answer {
    BUCKET_DONE,
    BUCKET_ABSENT,  /* no such key */
    BUCKET_NO_SUCH, /* no such bucket, nor can there be one */
    BUCKET_DENIED,  /* the mount does not allow it */
    BUCKET_FAILED,  /* the reason says why */
};

struct bucket {
    char folder[ROOT_MOST + 1 + IDENTIFIER_MOST + 1];
};

struct page {
    struct found {
        uint64_t place;
        struct key key;
    } at[PAGE_MOST];
    size_t count;
    bool more; /* there may be keys on another page */
    uint64_t next; /* then what to ask for it with */
};

/*
 * Each returns a bucket_answer. @why is set on BUCKET_FAILED alone, and is then the caller's to free.
 */

/** bucket_open() - the bucket of that name, made when it is not there yet; "" means "default" */
int bucket_open(const uint8_t *name, size_t count, struct bucket *ret, struct bytes *why);

/** bucket_get() - a key's value, the caller's to free, or BUCKET_ABSENT */
int bucket_get(const struct bucket *bucket, const struct key *key, struct bytes *ret, struct bytes *why);

/** bucket_set() - give a key a value; others see the old one or the new one, never a part */
int bucket_set(const struct bucket *bucket, const struct key *key, struct bytes value, struct bytes *why);

/** bucket_delete() - no such key is fine as well */
int bucket_delete(const struct bucket *bucket, const struct key *key, struct bytes *why);

/** bucket_has() - BUCKET_DONE or BUCKET_ABSENT */
int bucket_has(const struct bucket *bucket, const struct key *key, struct bytes *why);

/**
 * bucket_list() - the next keys
 * @after: what the page before told, NULL for the first page
 *
 * Keys that are there from the first page to the last are listed once, whatever happens to others.
 */
int bucket_list(const struct bucket *bucket, const uint64_t *after, struct page *ret, struct bytes *why);
