/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder without a socket, or whose socket refuses, is left over from a daemon that is gone. The
 * answer comes in chunks (RFC 9112, 7.1), so that one which was cut off is known.
 */
#include "cli/skepds.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/text.h"
#include "shim/control.h"

enum { READ_BYTES = 256 * 1024, CHUNK_DIGITS_MAX = 8 };

/* ---- one answer ---- */

static int http_read(int socket, struct buf *ret, struct fault *why)
{
    for (;;) {
        uint8_t *room = buf_reserve(ret, READ_BYTES);
        ssize_t got = 0;

        if (!room) {
            return buf_check(ret, "its answer", why);
        }
        got = recv(socket, room, READ_BYTES, 0);
        if (got == 0) {
            return 0;
        }
        if (got < 0 && errno == EAGAIN) {
            return fault(why, FAULT_TIMEOUT, "it said nothing for %d seconds",
                         SKEPDS_PATIENCE_SECONDS);
        }
        if (got < 0) {
            return fault_sys(why, -errno, "read its answer");
        }
        ret->length += (size_t)got;
    }
}

/* The line that @rest begins with, without its end. Return: false when no line ends. */
static bool line_take(struct text *rest, struct text *ret)
{
    const char *at = memmem(rest->at, rest->length, "\r\n", 2);

    if (!at) {
        return false;
    }
    *ret = (struct text){rest->at, (size_t)(at - rest->at)};
    rest->at += ret->length + 2;
    rest->length -= ret->length + 2;
    return true;
}

static bool chunk_length(struct text line, size_t *ret)
{
    char digits[CHUNK_DIGITS_MAX + 1] = "";
    char *end = NULL;

    if (line.length == 0 || line.length > CHUNK_DIGITS_MAX) {
        return false;
    }
    memcpy(digits, line.at, line.length);
    *ret = strtoul(digits, &end, 16);
    return *end == '\0';
}

/* Return: false when it is cut off. */
static bool chunks_join(struct text rest, struct buf *ret)
{
    for (;;) {
        struct text line;
        size_t length = 0;

        if (!line_take(&rest, &line) || !chunk_length(line, &length)) {
            return false;
        }
        if (length == 0) {
            return true;
        }
        if (rest.length < length + 2) {
            return false;
        }
        buf_put(ret, rest.at, length);
        rest.at += length + 2;
        rest.length -= length + 2;
    }
}

static int http_parse(struct text answer, struct buf *ret, struct fault *why)
{
    struct text status;
    struct text line;

    if (!line_take(&answer, &status)) {
        return fault(why, FAULT_UNAVAILABLE, "it hung up; does it have too many onlookers?");
    }
    if (!text_starts(status, "HTTP/1.1 200 ")) {
        return fault(why, FAULT_INTERNAL, "it answered %.*s",
                     status.length < 100 ? (int)status.length : 100, status.at);
    }
    do {
        if (!line_take(&answer, &line)) {
            return fault(why, FAULT_UNAVAILABLE, "its answer was cut off");
        }
    } while (line.length > 0);
    if (!chunks_join(answer, ret)) {
        return fault(why, FAULT_UNAVAILABLE, "its answer was cut off");
    }
    return buf_check(ret, "its answer", why);
}

static int ask_at(int socket, const char *path, struct buf *ret, struct fault *why)
{
    AUTO(buf_fini) struct buf answer = BUF(SKEPDS_ANSWER_BYTES_MAX);
    const struct timeval patience = {.tv_sec = SKEPDS_PATIENCE_SECONDS};
    char question[128];
    int length = snprintf(question, sizeof(question),
                          "GET %s HTTP/1.1\r\nHost: skepd\r\nConnection: close\r\n\r\n", path);

    (void)setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (send(socket, question, (size_t)length, MSG_NOSIGNAL) != length) {
        return fault_sys(why, -errno, "ask it");
    }
    TRY(http_read(socket, &answer, why));
    return http_parse((struct text){(const char *)answer.data, answer.length}, ret, why);
}

/* ---- all of them ---- */

enum { DIAL_OK, DIAL_NOBODY };

static int dial(const char *folder, const char *name, int *ret, struct fault *why)
{
    AUTO(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un where = {.sun_family = AF_UNIX};

    if (snprintf(where.sun_path, sizeof(where.sun_path), "%s/%s/" CONTROL_METRICS, folder, name) >=
        (int)sizeof(where.sun_path)) {
        return DIAL_NOBODY; /* nobody could listen there */
    }
    if (fd < 0 || connect(fd, (const struct sockaddr *)&where, sizeof(where)) < 0) {
        if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) {
            return DIAL_NOBODY;
        }
        return fault_sys(why, -errno, "ask skepd at %s", where.sun_path);
    }
    *ret = TAKE_FD(fd);
    return DIAL_OK;
}

static int ask_one(const char *folder, const char *name, const char *path,
                   struct skepds_answers *ret, struct fault *why)
{
    struct skepds_answer *answer = &ret->at[ret->count];
    AUTO(fd_close) int socket = -1;
    int done = dial(folder, name, &socket, why);

    if (done != DIAL_OK) {
        return done < 0 ? -1 : 0;
    }
    *answer = (struct skepds_answer){.name = COPY_TEXT(name),
                                     .body = BUF(SKEPDS_ANSWER_BYTES_MAX)};
    ret->count++;
    if (ask_at(socket, path, &answer->body, why) < 0) {
        return fault_while(why, "ask skepd at %.100s/%.100s", folder, name);
    }
    return 0;
}

/* A daemon's folder is named by a hash; other names are somebody else's. */
static int is_daemon(const struct dirent *entry)
{
    return text_is_identifier(text_of(entry->d_name)) ? 1 : 0;
}

int skepds_ask(const char *path, struct skepds_answers *ret, struct fault *why)
{
    const char *chosen = getenv("SKEP_STATE_DIR");
    const char *folder = chosen && chosen[0] != '\0' ? chosen : "/run/skep";
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_daemon, alphasort);
    int done = 0;

    *ret = (struct skepds_answers){.at = memory_new(SKEPDS_MAX, sizeof(struct skepds_answer))};
    if (count < 0 && errno != ENOENT) {
        return fault_sys(why, -errno, "look for skepd in %.200s", folder);
    }
    for (int i = 0; i < count; i++) {
        if (done == 0 && ret->count == SKEPDS_MAX) {
            done = fault(why, FAULT_LIMIT, "%.200s has more than %d daemons", folder, SKEPDS_MAX);
        }
        if (done == 0) {
            done = ask_one(folder, entries[i]->d_name, path, ret, why);
        }
        free(entries[i]);
    }
    free(entries);
    return done;
}

void skepds_answers_fini(struct skepds_answers *answers)
{
    for (size_t i = 0; i < answers->count; i++) {
        free(answers->at[i].name);
        buf_fini(&answers->at[i].body);
    }
    free(answers->at);
    *answers = (struct skepds_answers){0};
}
