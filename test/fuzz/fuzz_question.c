/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request at the window, any bytes: more of them never take an answer back. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "shim/daemon/question.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text bytes = {(const char *)data, size};
    struct question question = {0};
    enum question_answer answer = question_read(bytes, &question);

    assert(answer != QUESTION_SHORT || size < QUESTION_BYTES_MAX);
    assert(answer != QUESTION_LONG || size >= QUESTION_BYTES_MAX);
    assert(answer != QUESTION_READY || question.what <= QUESTION_CONTAINERS);
    for (size_t i = 0; i < size && answer == QUESTION_SHORT; i++) {
        bytes.length = i;
        assert(question_read(bytes, &question) == QUESTION_SHORT);
    }
    return 0;
}
