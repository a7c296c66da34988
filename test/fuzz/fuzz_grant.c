/* SPDX-License-Identifier: Apache-2.0 */
/* Encoded grants, as a worker reads them. What decodes is within all ceilings: it encodes again. */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "runtime/grant/grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(grant_free) struct grant *grant = NULL;
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct cursor in = cursor_over(data, size);
    struct fault why = {0};
    size_t used;

    if (grant_decode(&in, &grant, &why) < 0) {
        assert(why.text[0] != '\0' && cursor_left(&in) == size);
        return 0;
    }
    used = size - cursor_left(&in);
    if (used <= GRANT_BYTES_MAX) {
        assert(grant_encode(grant, &bytes, &why) == 0);
        assert(bytes.length == used && memcmp(bytes.data, data, used) == 0);
    }
    return 0;
}
