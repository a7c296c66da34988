/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value that is not wanted is stepped over by its brackets and quotes. Debian has no TOML library
 * for C; containerd judges the whole file (config dump), so nothing here has to.
 */
#include "k8s/installer/toml.h"

#include <string.h>

#include "base/fault.h"
#include "base/text.h"

struct scan {
    const char *at;
    const char *end;
    const char *what;
};

static bool scan_is(const struct scan *scan, const char *words)
{
    size_t length = strlen(words);

    return (size_t)(scan->end - scan->at) >= length && memcmp(scan->at, words, length) == 0;
}

static int scan_wrong(const struct scan *scan, const char *what, struct fault *why)
{
    return fault(why, FAULT_INVALID, "%s is no TOML: %s", scan->what, what);
}

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t')) {
        scan->at++;
    }
}

static void skip_line(struct scan *scan)
{
    while (scan->at < scan->end && *scan->at != '\n') {
        scan->at++;
    }
}

/* Blanks, ends of lines and comments. */
static void skip_space(struct scan *scan)
{
    for (;;) {
        skip_blanks(scan);
        if (scan_is(scan, "#")) {
            skip_line(scan);
        } else if (scan_is(scan, "\n") || scan_is(scan, "\r")) {
            scan->at++;
        } else {
            return;
        }
    }
}

/* The text between quotes; @ret may hold escapes. */
static int read_quoted(struct scan *scan, struct text *ret, struct fault *why)
{
    const char quote = *scan->at;
    const char triple[] = {quote, quote, quote, '\0'};
    bool is_long = scan_is(scan, triple);
    size_t fence = is_long ? 3 : 1;
    const char *start = scan->at + fence;

    for (scan->at = start; scan->at < scan->end; scan->at++) {
        if (quote == '"' && *scan->at == '\\') {
            scan->at++;
        } else if (is_long ? scan_is(scan, triple) : *scan->at == quote) {
            *ret = (struct text){start, (size_t)(scan->at - start)};
            scan->at += fence;
            return 0;
        } else if (!is_long && *scan->at == '\n') {
            break;
        }
    }
    scan->at = scan->at > scan->end ? scan->end : scan->at;
    return scan_wrong(scan, "a string does not end", why);
}

static int import_take(const struct scan *scan, struct text text, struct toml_facts *ret,
                       struct fault *why)
{
    if (ret->imports_count == TOML_IMPORTS_MAX) {
        return fault(why, FAULT_LIMIT, "%s has more than %d imports", scan->what, TOML_IMPORTS_MAX);
    }
    if (text.length == 0 || text.length >= TOML_IMPORT_ROOM) {
        return fault(why, FAULT_LIMIT, "an import of %s must have 1 to %d bytes", scan->what,
                     TOML_IMPORT_ROOM - 1);
    }
    if (memchr(text.at, '\\', text.length) || memchr(text.at, '\0', text.length)) {
        return fault(why, FAULT_UNSUPPORTED, "an import of %s holds an escape", scan->what);
    }
    memcpy(ret->imports[ret->imports_count], text.at, text.length);
    ret->imports[ret->imports_count++][text.length] = '\0';
    return 0;
}

/* A number, a date, true: to the end of the line. */
static int skip_plain(struct scan *scan, struct fault *why)
{
    const char *start = scan->at;

    while (scan->at < scan->end && *scan->at != '\n' && *scan->at != '#') {
        scan->at++;
    }
    return scan->at > start ? 0 : scan_wrong(scan, "a value is missing", why);
}

/* A string; one of an array of imports is taken. */
static int skip_string(struct scan *scan, struct toml_facts *imports, struct fault *why)
{
    struct text quoted;

    TRY(read_quoted(scan, &quoted, why));
    return imports ? import_take(scan, quoted, imports, why) : 0;
}

/* Steps over one value. @imports: it is an array, whose strings are taken; else NULL. */
static int skip_value(struct scan *scan, struct toml_facts *imports, struct fault *why)
{
    int depth = 0;

    do {
        if (scan->at == scan->end) {
            return scan_wrong(scan, "a value does not end", why);
        }
        if (*scan->at == '"' || *scan->at == '\'') {
            TRY(skip_string(scan, imports, why));
        } else if (depth == 0 && *scan->at != '[' && *scan->at != '{') {
            return skip_plain(scan, why);
        } else {
            depth +=
                (*scan->at == '[' || *scan->at == '{') - (*scan->at == ']' || *scan->at == '}');
            scan->at++;
        }
        if (depth > TOML_DEPTH_MAX) {
            return scan_wrong(scan, "its brackets are too deep", why);
        }
        if (depth > 0) {
            skip_space(scan);
        }
    } while (depth > 0);
    return 0;
}

static int read_version(struct scan *scan, struct toml_facts *ret, struct fault *why)
{
    const char *start = scan->at;
    uint64_t version = 0;

    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        scan->at++;
    }
    if (!text_to_u64((struct text){start, (size_t)(scan->at - start)}, 1, 1000, &version)) {
        return scan_wrong(scan, "version must be a number of 1 to 1000", why);
    }
    ret->version = (int64_t)version;
    return 0;
}

static int read_key(struct scan *scan, struct text *ret, struct fault *why)
{
    const char *start = scan->at;

    if (scan_is(scan, "\"") || scan_is(scan, "'")) {
        TRY(read_quoted(scan, ret, why));
    }
    while (scan->at < scan->end && *scan->at != '=' && *scan->at != '\n') {
        scan->at++;
    }
    if (!scan_is(scan, "=")) {
        return scan_wrong(scan, "a line of its root table has no \"=\"", why);
    }
    if (*start != '"' && *start != '\'') {
        const char *end = scan->at;

        while (end > start && (end[-1] == ' ' || end[-1] == '\t')) {
            end--;
        }
        *ret = (struct text){start, (size_t)(end - start)};
    }
    scan->at++;
    skip_blanks(scan);
    return 0;
}

static int read_line(struct scan *scan, struct toml_facts *ret, struct fault *why)
{
    struct text key;

    TRY(read_key(scan, &key, why));
    if (text_is(key, "version")) {
        TRY(read_version(scan, ret, why));
    } else if (text_is(key, "imports")) {
        if (!scan_is(scan, "[")) {
            return scan_wrong(scan, "imports must be a list", why);
        }
        TRY(skip_value(scan, ret, why));
    } else {
        TRY(skip_value(scan, NULL, why));
    }
    skip_blanks(scan);
    if (scan->at < scan->end && *scan->at != '\n' && *scan->at != '\r' && *scan->at != '#') {
        return scan_wrong(scan, "something follows a value", why);
    }
    return 0;
}

int toml_read(struct text file, const char *what, struct toml_facts *ret, struct fault *why)
{
    struct scan scan = {file.at, file.at + file.length, what};

    *ret = (struct toml_facts){.version = 0};
    if (file.length == 0) {
        return 0;
    }
    if (memmem(file.at, file.length, "{{", 2)) {
        return fault(why, FAULT_UNSUPPORTED,
                     "%s is a template; name the file that is made of it, if that has imports",
                     what);
    }
    for (;;) {
        skip_space(&scan);
        if (scan.at == scan.end || *scan.at == '[') {
            return 0;
        }
        TRY(read_line(&scan, ret, why));
    }
}

/* The next line of @dump, without blanks in front and behind; false at the end. */
static bool take_line(struct text *dump, struct text *ret_whole, struct text *ret)
{
    const char *end = NULL;

    if (dump->length == 0) {
        return false;
    }
    end = memchr(dump->at, '\n', dump->length);
    ret_whole->at = dump->at;
    ret_whole->length = end ? (size_t)(end - dump->at) + 1 : dump->length;
    dump->at += ret_whole->length;
    dump->length -= ret_whole->length;
    *ret = *ret_whole;
    while (ret->length > 0 && (*ret->at == ' ' || *ret->at == '\t')) {
        ret->at++;
        ret->length--;
    }
    while (ret->length > 0 && (unsigned char)ret->at[ret->length - 1] <= ' ') {
        ret->length--;
    }
    return true;
}

enum header { HEADER_OTHER, HEADER_BELOW, HEADER_ITSELF };

/* Is a header about one of the runtimes? Keys that need no quotes may have them. */
static enum header header_of(struct text line, const char *const *runtimes)
{
    static const char before[] = ".containerd.runtimes.";
    const char *at = memmem(line.at, line.length, before, sizeof(before) - 1);
    const char *end = line.at + line.length;

    if (!at) {
        return HEADER_OTHER;
    }
    at += sizeof(before) - 1;
    for (size_t i = 0; runtimes[i]; i++) {
        size_t length = strlen(runtimes[i]);
        const char *key = at + (at < end && (*at == '"' || *at == '\''));
        const char *next = key + length;

        if ((size_t)(end - key) > length && memcmp(key, runtimes[i], length) == 0) {
            next += key > at && next + 1 < end;
            if (*next == ']') {
                return HEADER_ITSELF;
            }
            if (*next == '.') {
                return HEADER_BELOW;
            }
        }
    }
    return HEADER_OTHER;
}

size_t toml_rest(struct text dump, const char *const *runtimes, struct buf *ret)
{
    enum header header = HEADER_OTHER;
    struct text whole;
    struct text line;
    size_t tables = 0;

    while (take_line(&dump, &whole, &line)) {
        if (line.length > 0 && *line.at == '[') {
            header = header_of(line, runtimes);
            tables += header == HEADER_ITSELF;
        }
        if (header == HEADER_OTHER && !text_starts(line, "imports = ")) {
            buf_put(ret, whole.at, whole.length);
        }
    }
    return tables;
}
