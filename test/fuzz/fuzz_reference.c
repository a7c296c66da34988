/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken for a reference prints, and what it prints is the same reference again. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char printed[REFERENCE_TEXT_MAX + 1];
    char again[REFERENCE_TEXT_MAX + 1];
    struct reference first = {.tag = ""};
    struct reference second = {.tag = ""};
    struct fault why = {0};

    if (reference_parse((struct text){(const char *)data, size}, &first, &why) < 0) {
        assert(why.kind != FAULT_NONE && why.text[0] != '\0');
        return 0;
    }
    assert(strlen(first.registry) + 1 + strlen(first.repository) <= REFERENCE_NAME_MAX);
    assert(reference_is_repository(text_of(first.repository)));
    assert(reference_target(&first)[0] != '\0');
    reference_print(&first, printed);
    assert(reference_parse(text_of(printed), &second, &why) == 0);
    reference_print(&second, again);
    assert(strcmp(printed, again) == 0);
    assert(strcmp(first.repository, second.repository) == 0);
    assert(strcmp(first.registry, second.registry) == 0);
    return 0;
}
