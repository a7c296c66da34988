/* SPDX-License-Identifier: Apache-2.0 */
/* A line is composed on the stack and leaves by one write, so that threads do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_MAX_BYTES = 1024 };

static struct {
    int fd;
    enum log_level level;
    const char *program;
} sink = {.fd = STDERR_FILENO, .level = LOG_LEVEL_INFO, .program = "skep"};

static const char *const level_words[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

void log_open(int fd, const char *program, enum log_level level)
{
    sink.fd = fd;
    sink.program = program;
    sink.level = level;
}

static size_t line_head(char *line, size_t room, enum log_level level, const char *phrase)
{
    struct wall_time now = clock_wall();
    time_t seconds = (time_t)now.seconds;
    struct tm day;
    char stamp[32];
    int length;

    (void)gmtime_r(&seconds, &day);
    (void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &day);
    length = snprintf(line, room, "%s.%03dZ %s %s: %s", stamp, now.nanos / 1000000,
                      level_words[level], sink.program, phrase);
    return length < 0 ? 0 : (size_t)length;
}

void log_line(enum log_level level, const char *phrase, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    size_t length;
    va_list values;
    int more = 0;

    if (level < sink.level || sink.fd < 0) {
        return;
    }
    length = line_head(line, sizeof(line) - 1, level, phrase);
    if (format[0] != '\0' && length + 2 < sizeof(line) - 1) {
        line[length++] = ' ';
        va_start(values, format);
        more = vsnprintf(line + length, sizeof(line) - 1 - length, format, values);
        va_end(values);
    }
    length += more > 0 ? (size_t)more : 0;
    if (length > sizeof(line) - 2) {
        length = sizeof(line) - 2;
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < ' ') {
            line[i] = ' ';
        }
    }
    line[length++] = '\n';
    if (write(sink.fd, line, length) < 0) {
        return; /* nowhere to say so */
    }
}
