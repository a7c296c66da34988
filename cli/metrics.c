/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep metrics: the text of one daemon as it came. That of several is put together family by
 * family, because the format wants all samples of a family in one group; a label tells them apart.
 */
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "cli/skepds.h"
#include "cli/verbs.h"

/* A family in one daemon's text, from "# HELP" to the next one. */
static bool family_take(struct text *rest, struct text *ret)
{
    const char *next = NULL;

    if (rest->length == 0) {
        return false;
    }
    next = memmem(rest->at + 1, rest->length - 1, "\n# HELP ", 8);
    ret->at = rest->at;
    ret->length = next ? (size_t)(next + 1 - rest->at) : rest->length;
    rest->at += ret->length;
    rest->length -= ret->length;
    return true;
}

/* "# HELP name", which begins it. */
static struct text family_name(struct text family)
{
    static const size_t start = sizeof("# HELP ") - 1;
    const char *end = family.length > start
                          ? memchr(family.at + start, ' ', family.length - start)
                          : NULL;

    return (struct text){family.at, end ? (size_t)(end + 1 - family.at) : family.length};
}

static struct text text_of_buf(const struct buf *buf)
{
    return (struct text){(const char *)buf->data, buf->length};
}

/* Find the family of that name. */
static bool family_find(const struct buf *body, struct text name, struct text *ret)
{
    struct text rest = text_of_buf(body);

    while (family_take(&rest, ret)) {
        struct text here = family_name(*ret);

        if (here.length == name.length && memcmp(here.at, name.at, name.length) == 0) {
            return true;
        }
    }
    return false;
}

/* Bytes of @line before the first of two characters; all if there is neither. */
static size_t length_before(struct text line, char one, char other)
{
    size_t length = 0;

    while (length < line.length && line.at[length] != one && line.at[length] != other) {
        length++;
    }
    return length;
}

/* Samples with the daemon's label in front of the others; comments only if @is_first. */
static void samples_print(struct text family, const char *daemon, bool is_first)
{
    while (family.length > 0) {
        struct text line = {family.at, length_before(family, '\n', '\n')};
        size_t name = length_before(line, '{', ' ');
        bool has_labels = name < line.length && line.at[name] == '{';
        size_t rest = name + (has_labels ? 1 : 0);

        if (line.at[0] != '#') {
            (void)printf("%.*s{skepd=\"%s\"%s%.*s\n", (int)name, line.at, daemon,
                         has_labels ? "," : "}", (int)(line.length - rest), line.at + rest);
        } else if (is_first) {
            (void)printf("%.*s\n", (int)line.length, line.at);
        }
        family.at += line.length < family.length ? line.length + 1 : line.length;
        family.length -= line.length < family.length ? line.length + 1 : line.length;
    }
}

/* The family in all texts from @first on, unless an earlier one has had it printed already. */
static void family_print(const struct skepds_answers *answers, size_t first, struct text family)
{
    struct text name = family_name(family);
    struct text same;

    for (size_t i = 0; i < first; i++) {
        if (family_find(&answers->at[i].body, name, &same)) {
            return;
        }
    }
    samples_print(family, answers->at[first].name, true);
    for (size_t i = first + 1; i < answers->count; i++) {
        if (family_find(&answers->at[i].body, name, &same)) {
            samples_print(same, answers->at[i].name, false);
        }
    }
}

int verb_metrics(int argc, char **argv, struct fault *why)
{
    AUTO(skepds_answers_fini) struct skepds_answers answers = {0};

    if (argc > 1) {
        return verb_misused(argv[0], "there are no arguments", why);
    }
    TRY(skepds_ask("/metrics", &answers, why));
    if (answers.count == 1) {
        (void)fwrite(answers.at[0].body.data, 1, answers.at[0].body.length, stdout);
        return 0;
    }
    for (size_t i = 0; i < answers.count; i++) {
        struct text rest = text_of_buf(&answers.at[i].body);
        struct text family;

        while (family_take(&rest, &family)) {
            family_print(&answers, i, family);
        }
    }
    return 0;
}
