/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text: bounded parsing of the small things that arrive as text.
 *
 * Belongs here: numbers, prefixes, hexadecimal, containerd's identifiers.
 * Does not belong here: JSON (base/json), references of images (oci/reference).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct text text_of(const char *terminated);
bool text_is(struct text text, const char *terminated);
bool text_starts(struct text text, const char *prefix);
own char *text_copy(struct text text) MUST_USE; /* NUL-terminated, for free() */

/**
 * text_to_u64() - a decimal number, nothing before or after it
 * @text: the digits
 * @min:  smallest value that is accepted
 * @max:  largest value that is accepted
 * @ret:  the value
 *
 * Return: false when it is no number or out of bounds. Thread: any.
 */
bool text_to_u64(struct text text, uint64_t min, uint64_t max, uint64_t *ret) MUST_USE;

/**
 * text_to_bytes() - a size with an optional unit: 64Mi, 1Gi, 512Ki, 4096, 10M
 * @text: the size; Ki Mi Gi are powers of 1024, k M G of 1000
 * @max:  largest value that is accepted
 * @ret:  bytes
 *
 * Return: false when it is no size or too large. Thread: any.
 */
bool text_to_bytes(struct text text, uint64_t max, uint64_t *ret) MUST_USE;

/**
 * text_is_identifier() - may this be an id or namespace of containerd?
 * @text: the candidate
 *
 * [A-Za-z0-9]+([._-][A-Za-z0-9]+)*, 1 to 76 bytes (containerd pkg/identifiers/validate.go).
 *
 * Return: whether it may. Thread: any.
 */
bool text_is_identifier(struct text text);

enum { IDENTIFIER_MAX = 76 };

/**
 * text_hex() - lower-case hexadecimal
 * @bytes:  what to print
 * @length: bytes
 * @ret:    2 * @length + 1 bytes, NUL-terminated
 */
void text_hex(const uint8_t *bytes, size_t length, char *ret);

/**
 * text_make_printable() - let a foreign text through to people and to protobuf
 * @text: NUL-terminated; control bytes and whatever is no UTF-8 become '?', its length stays
 */
void text_make_printable(char *text);
