/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans: finding values in a JSON text without changing a byte of the rest.
 *
 * Belongs here: where values begin and end. A document is checked whole by span_document(); after
 * that every look-up stays inside of it.
 * Does not belong here: what config.json means (native.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A value of a document, borrowed from its text; begin is NULL for "not there". */
struct span {
    const char *begin;
    const char *end;
};

enum { SPAN_DEPTH_MAX = 64 };

/**
 * span_document() - check a whole JSON text
 * @text:   followed by a NUL byte
 * @length: bytes without it
 *
 * Return: its one value; begin NULL when it is no JSON or is nested deeper than SPAN_DEPTH_MAX.
 */
struct span span_document(const char *text, size_t length);

/* The member of an object; not there when @object is not there, no object, or has no such key.
 * Keys with escapes are never equal. */
struct span span_member(struct span object, const char *key);

/* The items of a list one after the other: give the one before, {NULL, NULL} for the first. */
struct span span_next(struct span list, struct span before);

/* The members of an object in the same way; @ret_key is the key with its quotes. */
struct span span_next_member(struct span object, struct span before, struct span *ret_key);

/**
 * span_text() - the text of a string value
 * @string: the value
 * @ret:    @room bytes; "" when it is no string, is longer, or holds an escape other than \/ \" \\
 *
 * Return: whether @ret holds it.
 */
bool span_text(struct span string, char *ret, size_t room);
