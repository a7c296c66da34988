/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of fields.def, and the walk over lists, which names every item by its index. */
#include "runtime/spec/fields.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

#define BEGIN(object) const struct node_field spec_##object##_fields[] = {
#define TEXT(object, member, key, required, most)                                                  \
    {key, NODE_TEXT, required, offsetof(struct raw_##object, member), 0, most},
#define NUMBER(object, member, key, required, least, most)                                         \
    {key, NODE_INTEGER, required, offsetof(struct raw_##object, member), least, most},
#define BOOL(object, member, key, required)                                                        \
    {key, NODE_BOOL, required, offsetof(struct raw_##object, member), 0, 0},
#define LIST(object, member, key, most)                                                            \
    {key, NODE_LIST, false, offsetof(struct raw_##object, member), 0, most},
#define OBJECT(object, member, key, required)                                                      \
    {key, NODE_OBJECT, required, offsetof(struct raw_##object, member), 0, SPEC_LIST_MAX},
#define END(object)                                                                                \
    {                                                                                              \
        NULL, NODE_NULL, false, 0, 0, 0                                                            \
    }                                                                                              \
    }                                                                                              \
    ;
#include "runtime/spec/fields.def"
#undef BEGIN
#undef TEXT
#undef NUMBER
#undef BOOL
#undef LIST
#undef OBJECT
#undef END

int spec_read_items(const struct node *list, const char *name, spec_item_fn *read,
                    struct spec *spec, struct fault *why)
{
    char item[SPEC_NAME_MAX];

    for (size_t i = 0; i < node_count(list); i++) {
        (void)snprintf(item, sizeof(item), "%s[%zu]", name, i);
        TRY(read(node_item(list, i), item, spec, why));
    }
    return 0;
}

int spec_read_texts(const struct node *list, const char *name, size_t text_max,
                    struct spec_texts *ret, struct fault *why)
{
    size_t more = node_count(list);
    const char **at = NULL;

    if (more == 0) {
        return 0;
    }
    at = NEW_ARRAY(ret->count + more, const char *);
    if (ret->count > 0) {
        memcpy(at, ret->at, ret->count * sizeof(*at));
    }
    free(ret->at);
    ret->at = at;
    for (size_t i = 0; i < more; i++) {
        const struct node *item = node_item(list, i);
        struct text text = {0};

        if (!node_text(item, &text)) {
            return fault(why, FAULT_INVALID, "%s[%zu] must be a string, not %s", name, i,
                         node_type_words(node_type(item)));
        }
        if (text.length > text_max) {
            return fault(why, FAULT_LIMIT, "%s[%zu] has %zu bytes; at most %zu are accepted", name,
                         i, text.length, text_max);
        }
        ret->at[ret->count++] = text.at;
    }
    return 0;
}
