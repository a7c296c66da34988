/* SPDX-License-Identifier: Apache-2.0 */
/* Codes are looked up in the fault table itself, so both directions agree. */
#include "shim/ttrpc/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What follows a first byte: how many more, from which value on, and the bits it gives itself. */
static bool utf8_first(unsigned first, size_t *ret_more, unsigned *ret_least, unsigned *ret_value)
{
    static const unsigned least[] = {0, 0x80, 0x800, 0x10000};
    size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;

    if (first < 0xC2 || first > 0xF4) {
        return false;
    }
    *ret_more = more;
    *ret_least = least[more];
    *ret_value = first & (0x3FU >> more);
    return true;
}

/* Length of the printable UTF-8 sequence at @at, or 0. */
static size_t utf8_length(const char *at, size_t left)
{
    unsigned first = (unsigned char)at[0];
    unsigned value = 0;
    unsigned least = 0;
    size_t more = 0;

    if (first < 0x80) {
        return first >= 0x20 && first != 0x7F ? 1 : 0;
    }
    if (!utf8_first(first, &more, &least, &value) || more >= left) {
        return 0;
    }
    for (size_t i = 1; i <= more; i++) {
        if (((unsigned char)at[i] & 0xC0U) != 0x80U) {
            return 0;
        }
        value = value << 6 | ((unsigned char)at[i] & 0x3FU);
    }
    if (value < least || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
        return 0;
    }
    return more + 1;
}

static void make_readable(char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t length = utf8_length(text, left);

        if (length == 0) {
            *text = '?';
            length = 1;
        }
        text += length;
        left -= length;
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

void status_text(const struct fault *why, char ret[STATUS_TEXT_MAX])
{
    const char *words = fault_words(why->kind);

    if (ends_with(why->text, words)) {
        (void)snprintf(ret, STATUS_TEXT_MAX, "%s", why->text);
    } else {
        (void)snprintf(ret, STATUS_TEXT_MAX, "%s: %s", why->text, words);
    }
    make_readable(ret);
}

void status_fault(int32_t code, const char *message, struct fault *ret)
{
    enum fault_kind kind = FAULT_SYSTEM;

    for (enum fault_kind each = FAULT_NONE + 1; each < FAULT_KINDS; each++) {
        if (fault_grpc(each) == code) {
            kind = each;
        }
    }
    if (message[0] == '\0') {
        (void)fault(ret, kind, "the server answered code %d without a text", code);
    } else {
        (void)fault(ret, kind, "%s", message);
    }
}
