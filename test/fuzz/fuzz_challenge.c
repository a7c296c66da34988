/* SPDX-License-Identifier: Apache-2.0 */
/* A registry's challenge, any bytes: values stay within bounds, and base64 comes back as it went. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/base64.h"
#include "oci/registry/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_fini) struct buf text = BUF(1U << 22);
    AUTO(buf_fini) struct buf back = BUF(1U << 22);
    struct text bytes = {(const char *)data, size};
    struct challenge challenge;

    challenge_parse(bytes, &challenge);
    assert(strlen(challenge.realm) < CHALLENGE_VALUE_MAX);
    assert(challenge.bearer || challenge.realm[0] == '\0');
    base64_encode(bytes, &text);
    assert(base64_decode((struct text){(const char *)text.data, text.length}, &back));
    assert(back.length == size && (size == 0 || memcmp(back.data, data, size) == 0));
    back.length = 0;
    if (base64_decode(bytes, &back)) {
        assert(back.length <= size);
    }
    return 0;
}
