/* SPDX-License-Identifier: Apache-2.0 */
/* Big endian: length, stream; then type and flags. */
#include "shim/ttrpc/frame.h"

#include <assert.h>

enum frame_answer frame_read(struct cursor *in, struct frame *ret)
{
    struct cursor ahead = *in;
    const uint8_t *body = NULL;
    struct frame frame = {0};

    if (!cursor_be32(&ahead, &frame.length) || !cursor_be32(&ahead, &frame.stream) ||
        !cursor_u8(&ahead, &frame.type) || !cursor_u8(&ahead, &frame.flags)) {
        return FRAME_PARTIAL;
    }
    if (frame.length > FRAME_BODY_MAX) {
        *ret = frame;
        *in = ahead;
        return FRAME_TOO_LONG;
    }
    if (!cursor_bytes(&ahead, frame.length, &body)) {
        return FRAME_PARTIAL;
    }
    frame.body = (struct text){(const char *)body, frame.length};
    *ret = frame;
    *in = ahead;
    return FRAME_READY;
}

void frame_put(struct buf *out, const struct frame *frame)
{
    assert(frame->body.length <= FRAME_BODY_MAX);
    buf_put_be32(out, (uint32_t)frame->body.length);
    buf_put_be32(out, frame->stream);
    buf_put_u8(out, frame->type);
    buf_put_u8(out, frame->flags);
    buf_put(out, frame->body.at, frame->body.length);
}
