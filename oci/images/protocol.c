/* SPDX-License-Identifier: Apache-2.0 */
/* A kind, an id, then what the kind needs; a packet must end where its last field does. */
#include "oci/images/protocol.h"

#include <string.h>

bool protocol_has_wasm(const struct protocol_answer *answer)
{
    return answer->kind == PROTOCOL_FOUND && answer->image.component[0] != '\0';
}

void protocol_put_question(struct buf *out, const struct protocol_question *question)
{
    buf_put_u8(out, (uint8_t)question->kind);
    buf_put_le32(out, question->id);
    buf_put_text(out, question->space);
    buf_put_text(out, question->container);
}

void protocol_put_answer(struct buf *out, const struct protocol_answer *answer)
{
    buf_put_u8(out, (uint8_t)answer->kind);
    buf_put_le32(out, answer->id);
    if (answer->kind == PROTOCOL_FOUND) {
        buf_put_u8(out, (uint8_t)answer->image.form);
        buf_put_text(out, answer->image.manifest);
        buf_put_text(out, answer->image.component);
    } else {
        buf_put_u8(out, (uint8_t)answer->fault.kind);
        buf_put_le32(out, (uint32_t)answer->fault.err);
        buf_put_text(out, answer->fault.text);
    }
}

static bool read_into(struct cursor *in, char *room, size_t size)
{
    struct text text;

    if (!cursor_text(in, size - 1, &text)) {
        return false;
    }
    memcpy(room, text.at, text.length);
    room[text.length] = '\0';
    return true;
}

bool protocol_read_question(struct cursor packet, struct protocol_question *ret)
{
    struct protocol_question question = {.id = 0};
    uint8_t kind = 0;

    if (!cursor_u8(&packet, &kind) || !cursor_le32(&packet, &question.id) ||
        !read_into(&packet, question.space, sizeof(question.space)) ||
        !read_into(&packet, question.container, sizeof(question.container)) ||
        cursor_left(&packet) != 0 || (kind != PROTOCOL_FIND && kind != PROTOCOL_HASH)) {
        return false;
    }
    if (kind == PROTOCOL_FIND && (!text_is_identifier(text_of(question.space)) ||
                                  !text_is_identifier(text_of(question.container)))) {
        return false;
    }
    question.kind = (enum protocol_kind)kind;
    *ret = question;
    return true;
}

static bool read_found(struct cursor *in, struct image *image)
{
    uint8_t form = 0;

    if (!cursor_u8(in, &form) || form > IMAGE_NONE ||
        !read_into(in, image->manifest, sizeof(image->manifest)) ||
        !read_into(in, image->component, sizeof(image->component))) {
        return false;
    }
    image->form = (enum image_form)form;
    image->wasm = -1;
    return true;
}

static bool read_fault(struct cursor *in, struct fault *fault)
{
    uint8_t kind = 0;
    uint32_t err = 0;

    if (!cursor_u8(in, &kind) || kind == FAULT_NONE || kind >= FAULT_KINDS ||
        !cursor_le32(in, &err) || err > 4095 || !read_into(in, fault->text, sizeof(fault->text))) {
        return false;
    }
    fault->kind = (enum fault_kind)kind;
    fault->err = (int)err;
    return true;
}

bool protocol_read_answer(struct cursor packet, struct protocol_answer *ret)
{
    struct protocol_answer answer = {.id = 0};
    uint8_t kind = 0;
    bool read = false;

    if (!cursor_u8(&packet, &kind) || !cursor_le32(&packet, &answer.id)) {
        return false;
    }
    if (kind == PROTOCOL_FOUND) {
        read = read_found(&packet, &answer.image);
    } else if (kind == PROTOCOL_FAILED) {
        read = read_fault(&packet, &answer.fault);
    }
    if (!read || cursor_left(&packet) != 0) {
        return false;
    }
    answer.kind = (enum protocol_kind)kind;
    *ret = answer;
    return true;
}
