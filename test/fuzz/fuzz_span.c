/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher's spans against any text: whatever jansson takes as JSON is a document, and every value
 * found lies inside of it, in order.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "shim/launcher/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct span value, struct span around, unsigned depth)
{
    struct span key = {NULL, NULL};
    char text[16];

    assert(value.begin >= around.begin && value.end <= around.end && value.begin < value.end);
    assert(depth <= SPAN_DEPTH_MAX + 1);
    (void)span_text(value, text, sizeof(text));
    for (struct span item = span_next(value, key); item.begin; item = span_next(value, item)) {
        walk(item, value, depth + 1);
    }
    for (struct span member = span_next_member(value, (struct span){NULL, NULL}, &key); member.begin;
         member = span_next_member(value, member, &key)) {
        assert(*key.begin == '"' && key.end <= member.begin);
        walk(member, value, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(memory_free) char *text = memory_text((const char *)data, size);
    AUTO(node_free) struct node *root = NULL;
    struct fault why = {0};
    struct span document = span_document(text, size);

    if (document.begin) {
        walk(document, (struct span){text, text + size}, 0);
    }
    if (node_parse((struct text){text, size}, "text", 1U << 20, &root, &why) == 0 &&
        (node_type(root) == NODE_OBJECT || node_type(root) == NODE_LIST)) {
        assert(document.begin);
    }
    return 0;
}
