/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct node is jansson's json_t under a name of ours. jansson has no setting for depth, so the
 * depth is counted over the raw bytes before they are parsed.
 */
#include "base/json.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/fault.h"

static const json_t *inside(const struct node *node)
{
    return (const json_t *)(const void *)node;
}

static const struct node *outside(const json_t *value)
{
    return json_is_null(value) ? NULL : (const struct node *)(const void *)value;
}

/* Brackets outside of strings, so that nesting can be refused before anything recurses. */
static bool is_too_deep(struct text bytes)
{
    bool quoted = false;
    size_t depth = 0;

    for (size_t i = 0; i < bytes.length; i++) {
        char byte = bytes.at[i];

        if (quoted) {
            i += byte == '\\' ? 1U : 0U;
            quoted = byte != '"';
        } else if (byte == '"') {
            quoted = true;
        } else if (byte == '[' || byte == '{') {
            depth++;
        } else if ((byte == ']' || byte == '}') && depth > 0) {
            depth--;
        }
        if (depth > NODE_DEPTH_MAX) {
            return true;
        }
    }
    return false;
}

int node_parse(struct text bytes, const char *what, size_t max, own struct node **ret,
               struct fault *why)
{
    json_error_t error;
    json_t *root = NULL;

    if (bytes.length > max) {
        return fault(why, FAULT_LIMIT, "%s has %zu bytes; at most %zu are read", what,
                     bytes.length, max);
    }
    if (bytes.length > 0 && memchr(bytes.at, '\0', bytes.length)) {
        /* jansson takes a NUL between values for white space. */
        return fault(why, FAULT_INVALID, "%s is not JSON: it holds a NUL byte", what);
    }
    if (is_too_deep(bytes)) {
        return fault(why, FAULT_LIMIT, "%s is nested deeper than %d levels", what, NODE_DEPTH_MAX);
    }
    root = json_loadb(bytes.at ? bytes.at : "", bytes.length, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        return fault(why, FAULT_INVALID, "%s is not JSON: line %d, column %d: %s", what,
                     error.line, error.column, error.text);
    }
    *ret = (struct node *)(void *)root;
    return 0;
}

struct node *node_free(own struct node *root)
{
    json_decref((json_t *)(void *)root);
    return NULL;
}

enum node_type node_type(const struct node *node)
{
    switch (node ? json_typeof(inside(node)) : JSON_NULL) {
    case JSON_OBJECT:
        return NODE_OBJECT;
    case JSON_ARRAY:
        return NODE_LIST;
    case JSON_STRING:
        return NODE_TEXT;
    case JSON_INTEGER:
        return NODE_INTEGER;
    case JSON_REAL:
        return NODE_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return NODE_BOOL;
    case JSON_NULL:
    default:
        return NODE_NULL;
    }
}

const struct node *node_member(const struct node *object, const char *key)
{
    return node_type(object) == NODE_OBJECT ? outside(json_object_get(inside(object), key)) : NULL;
}

const struct node *node_path(const struct node *object, const char *path)
{
    char key[128];

    while (object && *path != '\0') {
        size_t length = strcspn(path, ".");

        if (length >= sizeof(key)) {
            return NULL;
        }
        memcpy(key, path, length);
        key[length] = '\0';
        object = node_member(object, key);
        path += length + (path[length] == '.' ? 1 : 0);
    }
    return object;
}

size_t node_count(const struct node *node)
{
    enum node_type type = node_type(node);

    if (type == NODE_OBJECT) {
        return json_object_size(inside(node));
    }
    return type == NODE_LIST ? json_array_size(inside(node)) : 0;
}

const struct node *node_item(const struct node *list, size_t index)
{
    return node_type(list) == NODE_LIST ? outside(json_array_get(inside(list), index)) : NULL;
}

const struct node *node_at(const struct node *object, size_t index, const char **ret_key)
{
    json_t *members = (json_t *)(uintptr_t)(const void *)inside(object);
    void *at = node_type(object) == NODE_OBJECT ? json_object_iter(members) : NULL;

    while (at && index > 0) {
        at = json_object_iter_next(members, at);
        index--;
    }
    if (!at) {
        return NULL;
    }
    *ret_key = json_object_iter_key(at);
    return outside(json_object_iter_value(at));
}

bool node_text(const struct node *node, struct text *ret)
{
    if (node_type(node) != NODE_TEXT) {
        return false;
    }
    *ret = (struct text){json_string_value(inside(node)), json_string_length(inside(node))};
    return true;
}

const char *node_string(const struct node *node)
{
    return node_type(node) == NODE_TEXT ? json_string_value(inside(node)) : NULL;
}

bool node_integer(const struct node *node, int64_t *ret)
{
    if (node_type(node) != NODE_INTEGER) {
        return false;
    }
    *ret = json_integer_value(inside(node));
    return true;
}

bool node_bool(const struct node *node, bool *ret)
{
    if (node_type(node) != NODE_BOOL) {
        return false;
    }
    *ret = json_is_true(inside(node));
    return true;
}

static const char *const type_words[] = {
    [NODE_NULL] = "null",    [NODE_BOOL] = "true or false", [NODE_INTEGER] = "a whole number",
    [NODE_REAL] = "a number", [NODE_TEXT] = "a string",     [NODE_LIST] = "a list",
    [NODE_OBJECT] = "an object",
};

const char *node_type_words(enum node_type type)
{
    return type_words[type];
}

static int check_bounds(const struct node *value, const char *what, const struct node_field *field,
                        struct fault *why)
{
    int64_t number = 0;
    struct text text = {0};

    if (node_integer(value, &number) && (field->min != 0 || field->max != 0) &&
        (number < field->min || number > field->max)) {
        return fault(why, FAULT_LIMIT, "%s.%s must be from %" PRId64 " to %" PRId64
                     ", not %" PRId64, what, field->key, field->min, field->max, number);
    }
    if (node_text(value, &text) && field->max != 0 && text.length > (size_t)field->max) {
        return fault(why, FAULT_LIMIT, "%s.%s has %zu bytes; at most %" PRId64 " are accepted",
                     what, field->key, text.length, field->max);
    }
    if ((field->type == NODE_LIST || field->type == NODE_OBJECT) && field->max != 0 &&
        node_count(value) > (size_t)field->max) {
        return fault(why, FAULT_LIMIT, "%s.%s has %zu entries; at most %" PRId64 " are accepted",
                     what, field->key, node_count(value), field->max);
    }
    return 0;
}

static void store_field(const struct node *value, const struct node_field *field, void *ret)
{
    char *at = (char *)ret + field->offset;
    const char *string = node_string(value);

    switch ((int)field->type) {
    case NODE_TEXT:
        memcpy(at, &string, sizeof(string));
        break;
    case NODE_INTEGER:
        (void)node_integer(value, (int64_t *)(void *)at);
        break;
    case NODE_BOOL:
        (void)node_bool(value, (bool *)(void *)at);
        break;
    default:
        memcpy(at, &value, sizeof(const struct node *));
        break;
    }
}

int node_read(const struct node *object, const char *what, const struct node_field *fields,
              void *ret, struct fault *why)
{
    if (node_type(object) != NODE_OBJECT) {
        return fault(why, FAULT_INVALID, "%s must be an object", what);
    }
    for (const struct node_field *field = fields; field->key; field++) {
        const struct node *value = node_member(object, field->key);

        if (!value && field->required) {
            return fault(why, FAULT_INVALID, "%s.%s is missing", what, field->key);
        }
        if (value && node_type(value) != field->type) {
            return fault(why, FAULT_INVALID, "%s.%s must be %s, not %s", what, field->key,
                         type_words[field->type], type_words[node_type(value)]);
        }
        if (value) {
            TRY(check_bounds(value, what, field, why));
            store_field(value, field, ret);
        }
    }
    return 0;
}

void buf_put_json(struct buf *buf, struct text text)
{
    buf_put_u8(buf, '"');
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.at[i];

        if (byte == '"' || byte == '\\') {
            buf_put_u8(buf, '\\');
            buf_put_u8(buf, byte);
        } else if (byte < ' ') {
            buf_print(buf, "\\u%04x", (unsigned)byte);
        } else {
            buf_put_u8(buf, byte);
        }
    }
    buf_put_u8(buf, '"');
}

static int put_piece(const char *piece, size_t length, void *buf)
{
    buf_put((struct buf *)buf, piece, length);
    return 0;
}

void node_print(const struct node *node, struct buf *buf)
{
    (void)json_dump_callback(inside(node), put_piece, buf,
                             JSON_COMPACT | JSON_ENCODE_ANY | JSON_PRESERVE_ORDER);
}
