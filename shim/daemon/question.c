/* SPDX-License-Identifier: Apache-2.0 */
/* The request line decides; header lines are not looked at, because none changes the answer. */
#include "shim/daemon/question.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

/* Takes what is before @delimiter off the front. Return: false when it is not there. */
static bool take_until(struct text *rest, char delimiter, struct text *ret)
{
    const char *at = memchr(rest->at, delimiter, rest->length);

    if (!at) {
        return false;
    }
    *ret = (struct text){rest->at, (size_t)(at - rest->at)};
    rest->at += ret->length + 1;
    rest->length -= ret->length + 1;
    return true;
}

static bool find_path(struct text path, enum question_what *ret)
{
    static const struct {
        const char *path;
        enum question_what what;
    } rows[] = {{"/metrics", QUESTION_METRICS}, {"/containers", QUESTION_CONTAINERS}};
    const char *mark = memchr(path.at, '?', path.length);

    path.length = mark ? (size_t)(mark - path.at) : path.length;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (text_is(path, rows[i].path)) {
            *ret = rows[i].what;
            return true;
        }
    }
    return false;
}

static bool head_has_ended(struct text bytes)
{
    return memmem(bytes.at, bytes.length, "\r\n\r\n", 4) != NULL ||
           memmem(bytes.at, bytes.length, "\n\n", 2) != NULL;
}

enum question_answer question_read(struct text bytes, struct question *ret)
{
    struct text line;
    struct text method;
    struct text path;

    if (bytes.length == 0 || !head_has_ended(bytes)) {
        return bytes.length < QUESTION_BYTES_MAX ? QUESTION_SHORT : QUESTION_LONG;
    }
    if (!take_until(&bytes, '\n', &line)) {
        return QUESTION_BROKEN;
    }
    if (line.length > 0 && line.at[line.length - 1] == '\r') {
        line.length--;
    }
    if (!take_until(&line, ' ', &method) || !take_until(&line, ' ', &path) ||
        !text_starts(line, "HTTP/1.")) {
        return QUESTION_BROKEN;
    }
    if (!text_is(method, "GET")) {
        return QUESTION_METHOD;
    }
    ret->takes_chunks = !text_is(line, "HTTP/1.0");
    return find_path(path, &ret->what) ? QUESTION_READY : QUESTION_PATH;
}
