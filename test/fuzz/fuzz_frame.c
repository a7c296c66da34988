/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames off any bytes: what is taken lies inside the input, in order, and writing a frame that was
 * read gives the bytes it was read from.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "shim/ttrpc/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_bytes_again(const struct frame *frame, const uint8_t *from, size_t length)
{
    struct buf out = BUF(FRAME_HEADER_BYTES + FRAME_BODY_MAX);

    frame_put(&out, frame);
    assert(!out.overflow && out.length == length && memcmp(out.data, from, length) == 0);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor in = cursor_over(data, size);

    for (;;) {
        struct frame frame;
        const uint8_t *from = in.at;
        enum frame_answer answer = frame_read(&in, &frame);

        if (answer == FRAME_PARTIAL) {
            assert(in.at == from && cursor_left(&in) < FRAME_HEADER_BYTES + FRAME_BODY_MAX);
            return 0;
        }
        if (answer == FRAME_READY) {
            assert(frame.length == frame.body.length && frame.length <= FRAME_BODY_MAX);
            assert((const uint8_t *)frame.body.at + frame.length == in.at && in.at <= in.end);
            same_bytes_again(&frame, from, (size_t)(in.at - from));
        } else {
            assert(frame.length > FRAME_BODY_MAX && in.at == from + FRAME_HEADER_BYTES);
        }
    }
}
