/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walker, value_skip(), knows the grammar. It is bounded by the text's NUL and by a depth, and
 * gives NULL for anything that is no JSON; look-ups then walk over text that is known to be good.
 */
#include "shim/launcher/span.h"

#include <string.h>

static const char *space_skip(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') {
        at++;
    }
    return at;
}

static const char *string_skip(const char *at)
{
    if (*at++ != '"') {
        return NULL;
    }
    while (*at != '"') {
        if ((unsigned char)*at < ' ') {
            return NULL;
        }
        if (*at == '\\' && *++at == '\0') {
            return NULL;
        }
        at++;
    }
    return at + 1;
}

static const char *scalar_skip(const char *at)
{
    static const char *const words[] = {"true", "false", "null"};
    size_t length;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strncmp(at, words[i], strlen(words[i])) == 0) {
            return at + strlen(words[i]);
        }
    }
    length = strspn(at, "-+.0123456789eE");
    return length > 0 ? at + length : NULL;
}

/* A stack of brackets instead of recursion: bit d is set when level d is an object. */
struct walk {
    unsigned long long objects;
    unsigned depth;
};

/* From behind a value to the start of the next one, closing what ends; NULL: no JSON. */
static const char *value_follow(const char *at, struct walk *walk, bool *ret_done)
{
    for (;;) {
        bool object = walk->depth > 0 && (walk->objects >> (walk->depth - 1) & 1) != 0;

        if (walk->depth == 0) {
            *ret_done = true;
            return at;
        }
        at = space_skip(at);
        if (*at == ',') {
            at = space_skip(at + 1);
            if (object) {
                at = string_skip(at);
                at = at ? space_skip(at) : NULL;
                return at && *at == ':' ? space_skip(at + 1) : NULL;
            }
            return at;
        }
        if (*at != (object ? '}' : ']')) {
            return NULL;
        }
        at++;
        walk->depth--;
    }
}

/* Past an opening bracket, to the first value inside, or past the closing one of an empty pair. */
static const char *value_open(const char *at, struct walk *walk, bool *ret_done)
{
    bool object = *at == '{';

    if (walk->depth == SPAN_DEPTH_MAX) {
        return NULL;
    }
    walk->objects &= ~(1ULL << walk->depth);
    walk->objects |= (unsigned long long)object << walk->depth;
    walk->depth++;
    at = space_skip(at + 1);
    if (*at == (object ? '}' : ']')) {
        walk->depth--;
        return value_follow(at + 1, walk, ret_done);
    }
    if (object) {
        at = string_skip(at);
        at = at ? space_skip(at) : NULL;
        return at && *at == ':' ? space_skip(at + 1) : NULL;
    }
    return at;
}

static const char *value_skip(const char *at)
{
    struct walk walk = {0, 0};
    bool done = false;

    while (at && !done) {
        if (*at == '{' || *at == '[') {
            at = value_open(at, &walk, &done);
            continue;
        }
        at = *at == '"' ? string_skip(at) : scalar_skip(at);
        at = at ? value_follow(at, &walk, &done) : NULL;
    }
    return at;
}

struct span span_document(const char *text, size_t length)
{
    const char *begin = space_skip(text);
    const char *end = value_skip(begin);

    if (!end || space_skip(end) != text + length) {
        return (struct span){NULL, NULL};
    }
    return (struct span){begin, end};
}

struct span span_next(struct span list, struct span before)
{
    const char *at = before.end;

    if (!list.begin || *list.begin != '[') {
        return (struct span){NULL, NULL};
    }
    at = at ? space_skip(at) : list.begin;
    if (*at == ']') {
        return (struct span){NULL, NULL};
    }
    at = space_skip(at + 1);
    if (*at == ']') {
        return (struct span){NULL, NULL};
    }
    return (struct span){at, value_skip(at)};
}

struct span span_next_member(struct span object, struct span before, struct span *ret_key)
{
    const char *at = before.end;
    const char *key_end = NULL;

    if (!object.begin || *object.begin != '{') {
        return (struct span){NULL, NULL};
    }
    at = at ? space_skip(at) : object.begin;
    if (*at == '}') {
        return (struct span){NULL, NULL};
    }
    at = space_skip(at + 1);
    if (*at == '}') {
        return (struct span){NULL, NULL};
    }
    key_end = string_skip(at);
    *ret_key = (struct span){at, key_end};
    at = space_skip(space_skip(key_end) + 1);
    return (struct span){at, value_skip(at)};
}

struct span span_member(struct span object, const char *key)
{
    size_t length = strlen(key);
    struct span name = {NULL, NULL};
    struct span value = {NULL, NULL};

    for (value = span_next_member(object, value, &name); value.begin;
         value = span_next_member(object, value, &name)) {
        if ((size_t)(name.end - name.begin) == length + 2 &&
            memcmp(name.begin + 1, key, length) == 0) {
            break;
        }
    }
    return value;
}

bool span_text(struct span string, char *ret, size_t room)
{
    size_t length = 0;

    ret[0] = '\0';
    if (!string.begin || *string.begin != '"') {
        return false;
    }
    for (const char *at = string.begin + 1; at < string.end - 1; at++) {
        if (*at == '\\' && *++at != '/' && *at != '"' && *at != '\\') {
            ret[0] = '\0';
            return false;
        }
        if (length + 1 >= room) {
            ret[0] = '\0';
            return false;
        }
        ret[length++] = *at;
    }
    ret[length] = '\0';
    return true;
}
