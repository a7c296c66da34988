/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is found lies inside the tar. */
#include <assert.h>
#include <stdint.h>

#include "oci/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"/app.wasm", "bin/app", ""};

    for (size_t i = 0; i < 3; i++) {
        struct text file = {0};

        if (unpack_find(cursor_over(data, size), paths[i], &file)) {
            assert((const uint8_t *)file.at >= data + 512);
            assert((const uint8_t *)file.at + file.length <= data + size);
        }
    }
    return 0;
}
