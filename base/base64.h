/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648, section 4) of small secrets.
 *
 * Belongs here: both directions, with bounds.
 */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"

/* Appends the text of bytes to @ret. */
void base64_encode(struct text bytes, struct buf *ret);

/**
 * base64_decode() - append the bytes of a text
 * @text: padded or not; nothing but the alphabet
 * @ret:  where to; its bytes are of no use when it was too small
 *
 * Return: false when @text is no base64, or has more bytes than @ret takes. Thread: any.
 */
bool base64_decode(struct text text, struct buf *ret) MUST_USE;
