/* SPDX-License-Identifier: Apache-2.0 */
/* Names lie inside the file, are sorted, and are each there once. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/fault.h"
#include "oci/binary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(const struct binary_names *names, const uint8_t *data, size_t size)
{
    assert(names->count <= BINARY_NAMES_MAX);
    for (size_t i = 0; i < names->count; i++) {
        struct text name = names->names[i];

        assert((const uint8_t *)name.at >= data && name.length <= BINARY_NAME_MAX);
        assert((const uint8_t *)name.at + name.length <= data + size);
        if (i > 0) {
            struct text before = names->names[i - 1];
            size_t shared = before.length < name.length ? before.length : name.length;
            int order = memcmp(before.at, name.at, shared);

            assert(order < 0 || (order == 0 && before.length < name.length));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(binary_free) struct binary *binary = NULL;
    struct fault why = {0};

    if (binary_read(cursor_over(data, size), &binary, &why) < 0) {
        assert(why.kind != FAULT_NONE && !binary);
        return 0;
    }
    assert(binary_is_wasm(data, size));
    check_names(&binary->imports, data, size);
    check_names(&binary->exports, data, size);
    assert(binary_role_name(binary_role(binary))[0] != '\0');
    return 0;
}
