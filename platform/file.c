/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: a file is asked for its size first, so that nothing larger than allowed is read. */
#include "platform/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Up to the end of the file or of the room, whichever comes first. */
static int read_all(int fd, struct bytes *into, size_t most)
{
    while (into->count < most) {
        ssize_t more = read(fd, into->at + into->count, most - into->count);

        if (more < 0) {
            return -errno;
        }
        if (more == 0) {
            break;
        }
        into->count += (size_t)more;
    }
    return 0;
}

static int read_open(int fd, size_t most, struct bytes *ret)
{
    struct bytes got = {.at = malloc(most + 1)};
    int result;

    if (!got.at) {
        return -ENOMEM;
    }
    result = read_all(fd, &got, most + 1);
    if (result == 0 && got.count > most) {
        result = FILE_TOO_BIG; /* it grew after it was asked */
    }
    if (result != 0) {
        free(got.at);
        got.at = NULL;
    }
    *ret = got;
    return result;
}

int file_read(const char *path, size_t most, struct bytes *ret)
{
    struct stat about;
    int fd;
    int result;

    *ret = (struct bytes){0};
    if (stat(path, &about) < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ENOTCAPABLE ? FILE_ABSENT : -errno;
    }
    if (!S_ISREG(about.st_mode)) {
        return FILE_ABSENT;
    }
    if ((uint64_t)about.st_size > most) {
        ret->count = (size_t)about.st_size;
        return FILE_TOO_BIG;
    }
    fd = open(path, O_RDONLY);
    if (fd < 0) {
        return errno == ENOENT ? FILE_ABSENT : -errno;
    }
    result = read_open(fd, (size_t)about.st_size, ret);
    close(fd);
    return result;
}

/* How many bytes follow the first of a character; its smallest value tells overlong forms. */
static int following(uint8_t first, uint32_t *value, uint32_t *least)
{
    if (first < 0xc2 || first > 0xf4) {
        return -1;
    }
    if (first < 0xe0) {
        *value = first & 0x1fU;
        *least = 0x80;
        return 1;
    }
    if (first < 0xf0) {
        *value = first & 0x0fU;
        *least = 0x800;
        return 2;
    }
    *value = first & 0x07U;
    *least = 0x10000;
    return 3;
}

bool text_is_utf8(const uint8_t *at, size_t count)
{
    size_t i = 0;

    while (i < count) {
        uint32_t value = 0;
        uint32_t least = 0;
        int more;

        if (at[i] < 0x80) {
            i++;
            continue;
        }
        more = following(at[i], &value, &least);
        if (more < 0 || (size_t)more >= count - i) {
            return false;
        }
        for (i++; more > 0; more--, i++) {
            if ((at[i] & 0xc0U) != 0x80) {
                return false;
            }
            value = value << 6 | (at[i] & 0x3fU);
        }
        if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
            return false;
        }
    }
    return true;
}

struct bytes sentence(const char *format, ...)
{
    char text[SENTENCE_MOST];
    struct bytes made = {0};
    va_list values;

    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    made.count = strlen(text);
    while (!text_is_utf8((const uint8_t *)text, made.count)) {
        made.count--; /* it was cut inside of a character */
    }
    made.at = malloc(made.count);
    if (!made.at) {
        abort();
    }
    memcpy(made.at, text, made.count);
    return made;
}
