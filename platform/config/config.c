/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wasi:config/store, from what Kubernetes gives a container.
 *
 * How it works: a key is a file below /config (where a ConfigMap or a Secret is mounted) or, when
 * there is none, a variable of the container's environment. Nothing is kept: a ConfigMap that
 * changes is seen by the next call.
 */
#include "platform/environment.h"
#include "platform/file.h"

#include <dirent.h>
#include <errno.h>
#include <provider.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "/config"

enum {
    KEY_MOST = 253, /* what Kubernetes allows */
    VALUE_MOST = 64 * 1024,
    KEYS_MOST = 1024,
};

typedef provider_tuple2_string_string_t pair;
typedef exports_wasi_config_store_error_t failure;

struct pairs {
    pair at[KEYS_MOST];
    size_t count;
};

static bool fail(failure *why, struct bytes said)
{
    why->tag = EXPORTS_WASI_CONFIG_STORE_ERROR_IO;
    why->val.io = (provider_string_t){.ptr = said.at, .len = said.count};
    return false;
}

static bool fail_sized(failure *why, const char *key, size_t count)
{
    return fail(why, sentence("the value of %s has %zu bytes, and at most %d are given", key, count,
                              VALUE_MOST));
}

static bool key_is_odd(const char *key, size_t count)
{
    return count == 0 || count > KEY_MOST || memchr(key, '/', count) || memchr(key, '\0', count);
}

/* Names that begin with ".." are how Kubernetes exchanges all files of a ConfigMap at once. */
static bool key_is_a_file(const char *key)
{
    return strncmp(key, "..", 2) != 0;
}

/* Return: false with the reason in @why. @ret->at is NULL when there is no such file. */
static bool from_file(const char *key, struct bytes *ret, failure *why)
{
    char path[sizeof(FOLDER) + KEY_MOST + 1];
    int answer;

    *ret = (struct bytes){0};
    if (!key_is_a_file(key)) {
        return true;
    }
    snprintf(path, sizeof(path), "%s/%s", FOLDER, key);
    answer = file_read(path, VALUE_MOST, ret);
    if (answer < 0) {
        return fail(why, sentence("read %s: %s", path, strerror(-answer)));
    }
    if (answer == FILE_TOO_BIG) {
        return fail_sized(why, key, ret->count);
    }
    if (answer == FILE_READ && !text_is_utf8(ret->at, ret->count)) {
        free(ret->at);
        return fail(why, sentence("the value of %s is not text in UTF-8", key));
    }
    return true;
}

static bool from_environment(const char *key, const char *value, struct bytes *ret, failure *why)
{
    size_t count = strlen(value);

    if (count > VALUE_MOST) {
        return fail_sized(why, key, count);
    }
    ret->count = count;
    ret->at = malloc(count + 1);
    if (!ret->at) {
        return fail(why, sentence("no memory is left for the value of %s", key));
    }
    memcpy(ret->at, value, count);
    return true;
}

/* The interface frees what has bytes; nothing else may come from the heap. */
static provider_string_t given(struct bytes value)
{
    if (value.count == 0) {
        free(value.at);
        value.at = NULL;
    }
    return (provider_string_t){.ptr = value.at, .len = value.count};
}

static bool find(const char *key, provider_option_string_t *ret, failure *why)
{
    struct bytes value;
    const char *variable;

    if (!from_file(key, &value, why)) {
        return false;
    }
    variable = environment_get(key);
    if (!value.at && variable && !from_environment(key, variable, &value, why)) {
        return false;
    }
    ret->is_some = value.at != NULL;
    ret->val = given(value);
    return true;
}

bool exports_wasi_config_store_get(provider_string_t *key, provider_option_string_t *ret, failure *why)
{
    char name[KEY_MOST + 1] = "";
    bool odd = key_is_odd((const char *)key->ptr, key->len);

    if (!odd) {
        memcpy(name, key->ptr, key->len);
    }
    provider_string_free(key);
    if (odd) {
        *ret = (provider_option_string_t){.is_some = false};
        return true;
    }
    return find(name, ret, why);
}

static bool pairs_have(const struct pairs *pairs, const char *key, size_t count)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const provider_string_t *had = &pairs->at[i].f0;

        if (had->len == count && memcmp(had->ptr, key, count) == 0) {
            return true;
        }
    }
    return false;
}

/* Takes @value over, also when it fails. */
static bool pairs_add(struct pairs *pairs, const char *key, struct bytes value, failure *why)
{
    size_t count = strlen(key);
    pair *next = &pairs->at[pairs->count];

    if (pairs->count == KEYS_MOST) {
        free(value.at);
        return fail(why, sentence("there are more than %d keys, so ask for each by its name",
                                  KEYS_MOST));
    }
    provider_string_dup_n(&next->f0, key, count);
    next->f1 = given(value);
    pairs->count++;
    return true;
}

static bool add_files(struct pairs *pairs, failure *why)
{
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;
    bool done = true;

    if (!folder) {
        /* Nothing is mounted there: the environment is all there is. */
        return errno == ENOENT || errno == ENOTCAPABLE || errno == ENOTDIR ||
               fail(why, sentence("read %s: %s", FOLDER, strerror(errno)));
    }
    while (done && (entry = readdir(folder))) {
        struct bytes value;

        if (key_is_odd(entry->d_name, strlen(entry->d_name))) {
            continue;
        }
        done = from_file(entry->d_name, &value, why);
        if (done && value.at) {
            done = pairs_add(pairs, entry->d_name, value, why);
        }
    }
    closedir(folder);
    return done;
}

static bool add_variables(struct pairs *pairs, failure *why)
{
    size_t count;
    const struct variable *all = environment(&count);

    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(all[i].key);
        struct bytes value;

        if (key_is_odd(all[i].key, length) || pairs_have(pairs, all[i].key, length)) {
            continue;
        }
        if (!from_environment(all[i].key, all[i].value, &value, why) ||
            !pairs_add(pairs, all[i].key, value, why)) {
            return false;
        }
    }
    return true;
}

static int by_key(const void *one, const void *other)
{
    const provider_string_t *a = &((const pair *)one)->f0;
    const provider_string_t *b = &((const pair *)other)->f0;
    int order = memcmp(a->ptr, b->ptr, a->len < b->len ? a->len : b->len);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

bool exports_wasi_config_store_get_all(provider_list_tuple2_string_string_t *ret, failure *why)
{
    struct pairs *pairs = calloc(1, sizeof(*pairs));
    provider_list_tuple2_string_string_t list;

    if (!pairs) {
        return fail(why, sentence("no memory is left for a list of keys"));
    }
    if (!add_files(pairs, why) || !add_variables(pairs, why)) {
        for (size_t i = 0; i < pairs->count; i++) {
            provider_tuple2_string_string_free(&pairs->at[i]);
        }
        free(pairs);
        return false;
    }
    qsort(pairs->at, pairs->count, sizeof(pair), by_key);
    list = (provider_list_tuple2_string_string_t){.ptr = pairs->at, .len = pairs->count};
    if (pairs->count == 0) {
        free(pairs);
        list.ptr = NULL;
    }
    *ret = list;
    return true;
}
