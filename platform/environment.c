/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works: WASI is asked directly. libc's getenv() goes through the adapter, which traps when all
 * variables together have more than 64 KiB; many services in a namespace are enough for that.
 */
#include "platform/environment.h"

#include <provider.h>
#include <stdlib.h>
#include <string.h>

static struct variable *variables;
static size_t count;

static const char *text_of(provider_string_t *text)
{
    char *copy = strndup((const char *)text->ptr, text->len);

    if (!copy) {
        abort();
    }
    provider_string_free(text);
    return copy;
}

const struct variable *environment(size_t *ret_count)
{
    provider_list_tuple2_string_string_t all;

    if (!variables) {
        wasi_cli_environment_get_environment(&all);
        variables = calloc(all.len + 1, sizeof(*variables));
        if (!variables) {
            abort();
        }
        for (size_t i = 0; i < all.len; i++) {
            variables[i].key = text_of(&all.ptr[i].f0);
            variables[i].value = text_of(&all.ptr[i].f1);
        }
        count = all.len;
        if (count > 0) {
            free(all.ptr);
        }
    }
    *ret_count = count;
    return variables;
}

const char *environment_get(const char *key)
{
    size_t most;
    const struct variable *all = environment(&most);

    for (size_t i = 0; i < most; i++) {
        if (strcmp(all[i].key, key) == 0) {
            return all[i].value;
        }
    }
    return NULL;
}
