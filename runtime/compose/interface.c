/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/compose/interface.h"

#include <string.h>

#include "base/text.h"

enum { NUMBERS = 3 };

/* A number without leading zeros, up to @end; what follows it stays in @rest. */
static bool take_number(struct text *rest, uint64_t *ret)
{
    size_t digits = 0;

    while (digits < rest->length && rest->at[digits] >= '0' && rest->at[digits] <= '9') {
        digits++;
    }
    if (digits == 0 || (digits > 1 && rest->at[0] == '0') ||
        !text_to_u64((struct text){rest->at, digits}, 0, UINT64_MAX, ret)) {
        return false;
    }
    *rest = (struct text){rest->at + digits, rest->length - digits};
    return true;
}

static bool take_byte(struct text *rest, char byte)
{
    if (rest->length == 0 || rest->at[0] != byte) {
        return false;
    }
    *rest = (struct text){rest->at + 1, rest->length - 1};
    return true;
}

/* https://semver.org: three numbers, "-" and a pre-release, "+" and what counts for nothing. */
static bool read_version(struct text text, struct interface *ret)
{
    struct text rest = text;
    const char *build = NULL;

    for (size_t i = 0; i < NUMBERS; i++) {
        if ((i > 0 && !take_byte(&rest, '.')) || !take_number(&rest, &ret->numbers[i])) {
            return false;
        }
    }
    build = rest.length > 0 ? memchr(rest.at, '+', rest.length) : NULL;
    if (build) {
        rest.length = (size_t)(build - rest.at);
    }
    if (rest.length > 0 && !take_byte(&rest, '-')) {
        return false;
    }
    ret->pre = rest;
    ret->version = text;
    return true;
}

struct interface interface_read(const char *name)
{
    struct interface whole = {.path = text_of(name)};
    struct interface interface = {0};
    const char *at = strchr(name, '@');

    if (!at || !read_version(text_of(at + 1), &interface)) {
        return whole;
    }
    interface.path = (struct text){name, (size_t)(at - name)};
    return interface;
}

static int text_order(struct text a, struct text b)
{
    size_t shared = a.length < b.length ? a.length : b.length;
    int order = shared > 0 ? memcmp(a.at, b.at, shared) : 0;

    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int number_order(const struct interface *a, const struct interface *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a->numbers[i] != b->numbers[i]) {
            return a->numbers[i] < b->numbers[i] ? -1 : 1;
        }
    }
    return 0;
}

/* How many numbers, from the left, make the line. */
static size_t line_numbers(const struct interface *interface)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        if (interface->numbers[i] != 0) {
            return i + 1;
        }
    }
    return NUMBERS;
}

enum interface_match interface_match(const struct interface *wanted,
                                     const struct interface *offered)
{
    bool both = wanted->version.length > 0 && offered->version.length > 0;

    if (text_order(wanted->path, offered->path) != 0) {
        return INTERFACE_OTHER;
    }
    if (!both) {
        return wanted->version.length == offered->version.length ? INTERFACE_FITS
                                                                 : INTERFACE_FOREIGN;
    }
    if (wanted->pre.length > 0 || offered->pre.length > 0) {
        bool same = number_order(wanted, offered, NUMBERS) == 0 &&
                    text_order(wanted->pre, offered->pre) == 0;

        return same ? INTERFACE_FITS : INTERFACE_FOREIGN;
    }
    if (number_order(wanted, offered, line_numbers(wanted)) != 0) {
        return INTERFACE_FOREIGN;
    }
    return number_order(wanted, offered, NUMBERS) <= 0 ? INTERFACE_FITS : INTERFACE_OLDER;
}

int interface_order(const struct interface *a, const struct interface *b)
{
    int order = text_order(a->path, b->path);

    if (order == 0) {
        order = (a->version.length > 0) - (b->version.length > 0);
    }
    if (order == 0) {
        order = number_order(a, b, NUMBERS);
    }
    if (order == 0) {
        /* A release is newer than its pre-releases. */
        order = (a->pre.length == 0) - (b->pre.length == 0);
    }
    return order != 0 ? order : text_order(a->pre, b->pre);
}
