/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wasi:logging/logging: one line on standard output for each record.
 *
 * How it works: a line is put together in one place, with its control characters escaped, so that
 * nobody who logs can write a second line or reach the terminal of one who reads; then it is written
 * at once. The message gets what the context leaves of a line.
 */
#include "platform/environment.h"

#include <provider.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_MOST = 16 * 1024, /* bytes of a line, its end included */
    CONTEXT_MOST = 1024,   /* of these, for the context as it is printed */
    TAIL_MOST = 48,        /* for what is said of a cut, and the end */
};

static const char *const levels[] = {"trace", "debug", "info", "warn", "error", "critical"};

static struct line {
    char text[LINE_MOST];
    size_t count;
} line;

static void put(const char *text)
{
    size_t count = strlen(text);

    memcpy(line.text + line.count, text, count);
    line.count += count;
}

/* One character at @at as it is printed, into @out. Return: how many bytes it had. */
static size_t escape(const uint8_t *at, char out[8])
{
    static const char named[] = "\n\r\t\"\\";
    static const char letters[] = "nrt\"\\";
    const char *found = *at != '\0' ? strchr(named, *at) : NULL;
    size_t count = *at < 0xc0 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;

    if (found) {
        snprintf(out, 8, "\\%c", letters[found - named]);
    } else if (*at < 0x20 || *at == 0x7f) {
        snprintf(out, 8, "\\u%04x", *at);
    } else if (*at == 0xc2 && at[1] < 0xa0) {
        snprintf(out, 8, "\\u%04x", at[1]); /* the other control characters */
    } else {
        memcpy(out, at, count);
        out[count] = '\0';
    }
    return count;
}

/* As much of a text as fits up to @most bytes of the line. Return: bytes of it that did not. */
static size_t put_escaped(const provider_string_t *text, size_t most)
{
    size_t i = 0;

    while (i < text->len) {
        char out[8];
        size_t count = escape(text->ptr + i, out);

        if (line.count + strlen(out) > most) {
            break;
        }
        put(out);
        i += count;
    }
    return text->len - i;
}

/* The lowest level that is printed. A word that is none is said once and lets everything through. */
static size_t lowest(void)
{
    static bool said;
    const char *told = environment_get("LOG_LEVEL");

    if (!told || *told == '\0') {
        return 0;
    }
    for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
        if (strcmp(told, levels[i]) == 0) {
            return i;
        }
    }
    if (!said) {
        fprintf(stderr, "LOG_LEVEL is trace, debug, info, warn, error or critical, not %.64s\n", told);
        said = true;
    }
    return 0;
}

static void write_line(void)
{
    size_t written = 0;

    while (written < line.count) {
        ssize_t more = write(STDOUT_FILENO, line.text + written, line.count - written);

        if (more <= 0) {
            return; /* nobody reads: there is no one to tell */
        }
        written += (size_t)more;
    }
}

static void print(size_t level, const provider_string_t *context, const provider_string_t *message)
{
    size_t cut;

    line.count = 0;
    put("level=");
    put(levels[level]);
    put(" context=\"");
    cut = put_escaped(context, line.count + CONTEXT_MOST);
    put("\" message=\"");
    cut += put_escaped(message, LINE_MOST - TAIL_MOST);
    put("\"");
    if (cut > 0) {
        char said[TAIL_MOST];

        snprintf(said, sizeof(said), " cut=\"%zu bytes\"", cut);
        put(said);
    }
    put("\n");
    write_line();
}

void exports_wasi_logging_logging_log(exports_wasi_logging_logging_level_t level,
                                      provider_string_t *context, provider_string_t *message)
{
    if (level >= lowest()) {
        print(level, context, message);
    }
    provider_string_free(context);
    provider_string_free(message);
}
