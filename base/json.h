/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: foreign documents, read with bounds; the only user of jansson.
 *
 * Belongs here: parsing, looking up, typed reading by field tables, escaping for what we print.
 * Does not belong here: what any document means.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct fault;
struct node; /* a value of a document; borrowed from the document's root */

/* Nesting is limited to 64 levels; duplicate keys are refused. */
enum { NODE_DEPTH_MAX = 64 };

/**
 * node_parse() - a whole document
 * @bytes: UTF-8 JSON
 * @what:  its name in sentences ("config.json")
 * @max:   most bytes that are accepted
 * @ret:   the root; everything found in it is borrowed from it
 * @why:   the reason, with line and column
 *
 * Return: 0 or negative. Thread: any.
 */
int node_parse(struct text bytes, const char *what, size_t max, own struct node **ret,
               struct fault *why) MUST_USE;
struct node *node_free(own struct node *root);
DEFINE_AUTO(struct node *, node_free)

enum node_type { NODE_NULL, NODE_BOOL, NODE_INTEGER, NODE_REAL, NODE_TEXT, NODE_LIST, NODE_OBJECT };

enum node_type node_type(const struct node *node);
/* A type in a sentence: "a string". */
const char *node_type_words(enum node_type type);
/* Find a member; NULL when @object is NULL, no object, has no such key, or it is null. */
const struct node *node_member(const struct node *object, const char *key);
/* The same by a path of keys separated by '.'; keys that hold a dot need node_member(). */
const struct node *node_path(const struct node *object, const char *path);
/* Members of an object or items of a list; 0 for anything else. */
size_t node_count(const struct node *node);
const struct node *node_item(const struct node *list, size_t index);
/* Members in the document's order: index 0 to node_count()-1. */
const struct node *node_at(const struct node *object, size_t index, const char **ret_key);

/* Typed reading; each is false (and leaves *ret) when @node is NULL or of another type. */
bool node_text(const struct node *node, struct text *ret);
bool node_integer(const struct node *node, int64_t *ret);
bool node_bool(const struct node *node, bool *ret);
/* Borrowed, NUL-terminated (embedded NUL bytes are refused at parse time); NULL otherwise. */
const char *node_string(const struct node *node);

/* One row of a table that says which members of an object are wanted, and of which type. */
struct node_field {
    const char *key;
    enum node_type type; /* TEXT, INTEGER, BOOL, LIST or OBJECT */
    bool required;
    size_t offset; /* in the result: const char *, int64_t, bool, const struct node * */
    int64_t min;   /* INTEGER: bounds; TEXT: most bytes in max, 0 = any; LIST: most items in max */
    int64_t max;
};

/**
 * node_read() - fill a struct from an object by a table
 * @object: the object; unknown members are ignored, null members count as absent
 * @what:   name in sentences; a failure reads "<what>.<key> must be …"
 * @fields: the table, ended by a row with key NULL
 * @ret:    the struct that the offsets are for; members that are absent are left as they are
 * @why:    the reason: wrong type, missing, out of bounds
 *
 * Return: 0 or negative. Thread: any.
 */
int node_read(const struct node *object, const char *what, const struct node_field *fields,
              void *ret, struct fault *why) MUST_USE;

/**
 * buf_put_json() - append text as a quoted JSON string
 * @buf:  where to
 * @text: UTF-8
 */
void buf_put_json(struct buf *buf, struct text text);

/**
 * node_print() - append a value as compact JSON, members in document order
 * @node: the value
 * @buf:  where to
 */
void node_print(const struct node *node, struct buf *buf);
