/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the spec room: a struct and a table for each object of fields.def, and reading of lists.
 *
 * Belongs here: what the files of this room share. Nobody else includes it.
 */
#pragma once

#include "base/json.h"
#include "runtime/spec/spec.h"

#define BEGIN(object) struct raw_##object {
#define TEXT(object, member, key, required, most) const char *member;
#define NUMBER(object, member, key, required, least, most) int64_t member;
#define BOOL(object, member, key, required) bool member;
#define LIST(object, member, key, most) const struct node *member;
#define OBJECT(object, member, key, required) const struct node *member;
#define END(object)                                                                                \
    }                                                                                              \
    ;                                                                                              \
    extern const struct node_field spec_##object##_fields[];
#include "runtime/spec/fields.def"
#undef BEGIN
#undef TEXT
#undef NUMBER
#undef BOOL
#undef LIST
#undef OBJECT
#undef END

enum { SPEC_NAME_MAX = 96 }; /* of a member in a sentence */

/* Reads item @index of a list; @name is where the item is, in sentences. */
typedef int spec_item_fn(const struct node *item, const char *name, struct spec *spec,
                         struct fault *why);

/**
 * spec_read_items() - read a list, item by item
 * @list: the list, or NULL for none
 * @name: "config.json: mounts"
 * @read: called with "config.json: mounts[0]" and so on
 * @spec: for @read
 * @why:  the reason
 *
 * Return: 0 or negative.
 */
int spec_read_items(const struct node *list, const char *name, spec_item_fn *read,
                    struct spec *spec, struct fault *why) MUST_USE;

/* Appends the texts of a list (NULL for none) of at most @text_max bytes each. */
int spec_read_texts(const struct node *list, const char *name, size_t text_max,
                    struct spec_texts *ret, struct fault *why) MUST_USE;

/* linux, and linux.resources, which also comes alone; @spec may be NULL there. */
int spec_read_linux(const struct node *object, struct spec *spec, struct fault *why) MUST_USE;
int spec_read_resources(const struct node *object, const char *name, struct spec_resources *ret,
                        const struct node **ret_rules, struct fault *why) MUST_USE;
