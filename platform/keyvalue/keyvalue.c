/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wasi:keyvalue/store over a mounted folder or a server.
 *
 * How it works: each function takes its arguments out of the interface's types, lets the bucket do it
 * and says the answer in the interface's words.
 */
#include "platform/keyvalue/bucket.h"

#include <provider.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPEN_MOST = 256, /* buckets that may be open at once */
};

typedef exports_wasi_keyvalue_store_error_t failure;
typedef exports_wasi_keyvalue_store_borrow_bucket_t handle;

struct exports_wasi_keyvalue_store_bucket_t {
    struct bucket bucket;
};

static size_t are_open;

/* Return: whether it was done; else @why is what the interface says. */
static bool told(int answer, struct bytes said, failure *why)
{
    if (answer == BUCKET_DONE) {
        return true;
    }
    if (answer == BUCKET_NO_SUCH) {
        why->tag = EXPORTS_WASI_KEYVALUE_STORE_ERROR_NO_SUCH_STORE;
    } else if (answer == BUCKET_DENIED) {
        why->tag = EXPORTS_WASI_KEYVALUE_STORE_ERROR_ACCESS_DENIED;
    } else {
        why->tag = EXPORTS_WASI_KEYVALUE_STORE_ERROR_OTHER;
        why->val.other = (provider_string_t){.ptr = said.at, .len = said.count};
    }
    return false;
}

/* Takes a key out of what came and frees that. */
static bool take_key(provider_string_t *from, struct key *ret, failure *why)
{
    size_t count = from->len;
    bool good = count > 0 && count <= KEY_MOST;

    if (good) {
        memcpy(ret->at, from->ptr, count);
        ret->count = count;
    }
    provider_string_free(from);
    return good || told(BUCKET_FAILED,
                        sentence("a key has 1 to %d bytes, and this one has %zu", KEY_MOST, count), why);
}

bool exports_wasi_keyvalue_store_open(provider_string_t *identifier,
                                      exports_wasi_keyvalue_store_own_bucket_t *ret, failure *why)
{
    struct exports_wasi_keyvalue_store_bucket_t *made = NULL;
    struct bucket bucket;
    struct bytes said = {0};
    int answer = bucket_open(identifier->ptr, identifier->len, &bucket, &said);

    provider_string_free(identifier);
    if (answer == BUCKET_DONE && are_open == OPEN_MOST) {
        answer = BUCKET_FAILED;
        said = sentence("at most %d buckets are open at once", OPEN_MOST);
    }
    if (answer == BUCKET_DONE) {
        made = malloc(sizeof(*made));
        if (!made) {
            abort();
        }
        made->bucket = bucket;
        are_open++;
        *ret = exports_wasi_keyvalue_store_bucket_new(made);
    }
    return told(answer, said, why);
}

void exports_wasi_keyvalue_store_bucket_destructor(exports_wasi_keyvalue_store_bucket_t *bucket)
{
    free(bucket);
    are_open--;
}

bool exports_wasi_keyvalue_store_method_bucket_get(handle self, provider_string_t *key,
                                                   provider_option_list_u8_t *ret, failure *why)
{
    struct key which;
    struct bytes value = {0};
    struct bytes said = {0};
    int answer;

    if (!take_key(key, &which, why)) {
        return false;
    }
    answer = bucket_get(&self->bucket, &which, &value, &said);
    ret->is_some = answer == BUCKET_DONE;
    if (value.count == 0) {
        free(value.at); /* the interface frees what has bytes */
        value.at = NULL;
    }
    ret->val = (provider_list_u8_t){.ptr = value.at, .len = value.count};
    return told(answer == BUCKET_ABSENT ? BUCKET_DONE : answer, said, why);
}

bool exports_wasi_keyvalue_store_method_bucket_set(handle self, provider_string_t *key,
                                                   provider_list_u8_t *value, failure *why)
{
    struct key which;
    struct bytes said = {0};
    bool done = take_key(key, &which, why);

    if (done) {
        struct bytes what = {.at = value->ptr, .count = value->len};

        done = told(bucket_set(&self->bucket, &which, what, &said), said, why);
    }
    provider_list_u8_free(value);
    return done;
}

bool exports_wasi_keyvalue_store_method_bucket_delete(handle self, provider_string_t *key, failure *why)
{
    struct key which;
    struct bytes said = {0};

    return take_key(key, &which, why) && told(bucket_delete(&self->bucket, &which, &said), said, why);
}

bool exports_wasi_keyvalue_store_method_bucket_exists(handle self, provider_string_t *key, bool *ret,
                                                      failure *why)
{
    struct key which;
    struct bytes said = {0};
    int answer;

    if (!take_key(key, &which, why)) {
        return false;
    }
    answer = bucket_has(&self->bucket, &which, &said);
    *ret = answer == BUCKET_DONE;
    return told(answer == BUCKET_ABSENT ? BUCKET_DONE : answer, said, why);
}

static provider_list_string_t keys_of(const struct page *page)
{
    provider_list_string_t keys = {.ptr = NULL, .len = page->count};

    if (page->count > 0) {
        keys.ptr = malloc(page->count * sizeof(*keys.ptr));
        if (!keys.ptr) {
            abort();
        }
    }
    for (size_t i = 0; i < page->count; i++) {
        const struct key *key = &page->at[i].key;

        provider_string_dup_n(&keys.ptr[i], (const char *)key->at, key->count);
    }
    return keys;
}

bool exports_wasi_keyvalue_store_method_bucket_list_keys(handle self, uint64_t *after,
                                                         exports_wasi_keyvalue_store_key_response_t *ret,
                                                         failure *why)
{
    static struct page page;
    struct bytes said = {0};
    int answer = bucket_list(&self->bucket, after, &page, &said);

    if (answer == BUCKET_DONE) {
        ret->keys = keys_of(&page);
        ret->cursor.is_some = page.more;
        ret->cursor.val = page.next;
    }
    return told(answer, said, why);
}
