/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a compressed layer: never more comes out than was allowed, and a whole file twice. */
#include <assert.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "oci/gunzip.h"

enum { MOST = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Return: bytes that came out, or -1. */
static int64_t unpacked(const uint8_t *data, size_t size, uint64_t max)
{
    struct fault why = {0};
    struct stat st;
    int file = fs_memory_new("layer");
    int done;

    assert(file >= 0);
    done = gunzip(cursor_over(data, size), max, file, &why);
    assert(fstat(file, &st) == 0 && (uint64_t)st.st_size <= max);
    assert((done == 0) == (why.text[0] == '\0'));
    (void)close(file);
    return done == 0 ? (int64_t)st.st_size : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t length = unpacked(data, size, MOST);

    if (length > 0) {
        assert(unpacked(data, size, (uint64_t)length) == length);
        assert(unpacked(data, size, (uint64_t)length - 1) < 0);
    }
    return 0;
}
