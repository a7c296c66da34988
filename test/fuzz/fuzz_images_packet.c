/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of skep-images, which may have been taken over by an image: an answer that is read keeps
 * its bounds, and writing it gives the packet again. Questions likewise.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "oci/images/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_fini) struct buf again = BUF(PROTOCOL_PACKET_MAX);
    struct protocol_question question;
    struct protocol_answer answer;

    if (protocol_read_answer(cursor_over(data, size), &answer)) {
        assert(answer.image.wasm == -1 || answer.kind == PROTOCOL_FAILED);
        assert(strlen(answer.image.component) < IMAGE_DIGEST_ROOM);
        protocol_put_answer(&again, &answer);
        assert(again.length == size && memcmp(again.data, data, size) == 0);
    } else if (protocol_read_question(cursor_over(data, size), &question)) {
        assert(text_is_identifier(text_of(question.space)) || question.kind == PROTOCOL_HASH);
        protocol_put_question(&again, &question);
        assert(again.length == size && memcmp(again.data, data, size) == 0);
    }
    return 0;
}
