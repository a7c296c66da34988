/* SPDX-License-Identifier: Apache-2.0 */
/* Plain system calls: the launcher is static and lives a millisecond. */
#include "shim/launcher/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t read_fully(int fd, char *bytes, size_t room)
{
    size_t length = 0;

    while (length < room) {
        ssize_t got = read(fd, bytes + length, room - length);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -1 : (ssize_t)length;
        }
        length += (size_t)got;
    }
    return (ssize_t)length;
}

ssize_t file_read(const char *path, size_t max, char **ret)
{
    struct stat about;
    char *bytes = NULL;
    ssize_t length = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &about) == 0 && about.st_size > (off_t)max) {
        errno = EFBIG;
    } else {
        /* Files of /proc say 0. */
        size_t room = about.st_size > 0 ? (size_t)about.st_size + 1 : max;

        bytes = (char *)malloc(room + 1);
        length = bytes ? read_fully(fd, bytes, room) : -1;
    }
    (void)close(fd);
    if (length < 0) {
        free(bytes);
        return -1;
    }
    bytes[length] = '\0';
    *ret = bytes;
    return length;
}

int file_write(const char *path, const char *text, size_t length, mode_t mode)
{
    char temporary[SMALL_BYTES_MAX];
    size_t done = 0;
    int fd;

    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new", path) >= sizeof(temporary)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return -1;
    }
    while (done < length) {
        ssize_t put = write(fd, text + done, length - done);

        if (put < 0 && errno != EINTR) {
            break;
        }
        done += put > 0 ? (size_t)put : 0;
    }
    if (close(fd) < 0 || done < length || rename(temporary, path) < 0) {
        int err = errno;

        (void)unlink(temporary);
        errno = err;
        return -1;
    }
    return 0;
}

void die(const char *format, ...)
{
    char sentence[1024];
    va_list values;

    va_start(values, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, values);
    va_end(values);
    (void)fprintf(stderr, "skep: %s\n", sentence);
    exit(1);
}
