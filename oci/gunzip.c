/* SPDX-License-Identifier: Apache-2.0 */
/* zlib counts input in 32 bits, so it is fed in pieces. */
#include "oci/gunzip.h"

#include <zlib.h>

#include "base/fault.h"
#include "base/fs.h"

enum { PIECE = 256 * 1024, WITH_GZIP_HEADER = 16 + MAX_WBITS };

static int damaged(struct fault *why, const z_stream *stream)
{
    return fault(why, FAULT_INVALID, "the compressed layer is damaged: %s",
                 stream->msg ? stream->msg : "it is cut short");
}

/* Everything that the input at hand gives. Return: Z_OK, Z_STREAM_END or negative. */
static int drain(z_stream *stream, uint64_t *left, int file, struct fault *why)
{
    AUTO(memory_free) uint8_t *out = NEW_ARRAY(PIECE, uint8_t);
    int state = Z_OK;

    do {
        size_t made;
        int done;

        stream->next_out = out;
        stream->avail_out = PIECE;
        state = inflate(stream, Z_NO_FLUSH);
        if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) {
            return damaged(why, stream);
        }
        made = PIECE - stream->avail_out;
        if (made > *left) {
            return fault(why, FAULT_LIMIT, "the compressed layer holds more than is read");
        }
        *left -= made;
        done = fs_write_all(file, out, made);
        if (done < 0) {
            return fault_sys(why, done, "write the layer");
        }
    } while (stream->avail_out == 0 && state == Z_OK);
    return state == Z_STREAM_END ? Z_STREAM_END : Z_OK;
}

static int inflate_all(z_stream *stream, struct cursor *packed, uint64_t max, int file,
                       struct fault *why)
{
    uint64_t left = max;
    int state = Z_OK;

    while (stream->avail_in > 0 || cursor_left(packed) > 0) {
        if (stream->avail_in == 0) {
            size_t piece = cursor_left(packed) < PIECE ? cursor_left(packed) : PIECE;

            stream->next_in = (Bytef *)(uintptr_t)packed->at;
            stream->avail_in = (uInt)piece;
            packed->at += piece;
        }
        if (state == Z_STREAM_END && inflateReset(stream) != Z_OK) {
            return damaged(why, stream);
        }
        state = drain(stream, &left, file, why);
        TRY(state);
    }
    return state == Z_STREAM_END ? 0 : damaged(why, stream);
}

int gunzip(struct cursor packed, uint64_t max, int file, struct fault *why)
{
    z_stream stream = {.next_in = NULL};
    int done;

    if (inflateInit2(&stream, WITH_GZIP_HEADER) != Z_OK) {
        return fault(why, FAULT_LIMIT, "there is no memory to unpack a layer");
    }
    done = inflate_all(&stream, &packed, max, file, why);
    (void)inflateEnd(&stream);
    return done;
}
