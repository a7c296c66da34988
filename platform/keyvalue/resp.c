/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: a line is read byte by byte out of a buffer, a string by as much as has come. */
#include "platform/keyvalue/resp.h"

#include "platform/keyvalue/bucket.h"
#include "platform/keyvalue/tcp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    uint8_t at[4096];
    size_t from;
    size_t to;
} input;

void resp_start(void)
{
    input.from = input.to;
}

bool resp_broken(struct bytes *why, const char *what)
{
    tcp_close();
    *why = sentence("the server does not speak Redis's protocol: %s", what);
    return false;
}

static bool fill(struct bytes *why)
{
    input.from = 0;
    input.to = 0;
    return tcp_read(input.at, sizeof(input.at), &input.to, why);
}

static bool read_line(char line[LINE_MOST], struct bytes *why)
{
    size_t count = 0;

    for (;;) {
        if (input.from == input.to && !fill(why)) {
            return false;
        }
        if (count == LINE_MOST - 1) {
            return resp_broken(why, "a line of more than 510 bytes");
        }
        line[count++] = (char)input.at[input.from++];
        if (count >= 2 && line[count - 2] == '\r' && line[count - 1] == '\n') {
            line[count - 2] = '\0';
            return true;
        }
    }
}

/* A string of a known length and the end of its line. */
static bool read_bulk(size_t count, struct bytes *ret, struct bytes *why)
{
    struct bytes got = {.at = malloc(count + 2)};

    if (!got.at) {
        abort();
    }
    while (got.count < count + 2) {
        size_t part = count + 2 - got.count;

        if (input.from == input.to && !fill(why)) {
            free(got.at);
            return false;
        }
        if (part > input.to - input.from) {
            part = input.to - input.from;
        }
        memcpy(got.at + got.count, input.at + input.from, part);
        got.count += part;
        input.from += part;
    }
    got.count = count;
    *ret = got;
    return true;
}

bool resp_read(struct reply *ret, struct bytes *why)
{
    char *end;

    ret->bulk = (struct bytes){0};
    if (!read_line(ret->line, why)) {
        return false;
    }
    ret->kind = ret->line[0];
    if (ret->kind == '+' || ret->kind == '-') {
        return true;
    }
    ret->number = strtoll(ret->line + 1, &end, 10);
    if (ret->kind == '\0' || !strchr(":$*", ret->kind) || end == ret->line + 1 || *end != '\0') {
        return resp_broken(why, "an answer of another kind");
    }
    if (ret->kind != '$' || ret->number < 0) {
        return true;
    }
    if (ret->number > VALUE_MOST) {
        tcp_close();
        *why = sentence("a value there has %" PRId64 " bytes, and a value has at most %d", ret->number,
                        VALUE_MOST);
        return false;
    }
    return read_bulk((size_t)ret->number, &ret->bulk, why);
}

bool resp_send(const struct word *words, size_t count, struct bytes *why)
{
    char head[32];
    size_t most = sizeof(head);
    struct bytes all = {0};
    bool sent;

    for (size_t i = 0; i < count; i++) {
        most += words[i].count + sizeof(head);
    }
    all.at = malloc(most);
    if (!all.at) {
        abort();
    }
    all.count = (size_t)snprintf((char *)all.at, most, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        all.count += (size_t)snprintf((char *)all.at + all.count, most - all.count, "$%zu\r\n",
                                      words[i].count);
        memcpy(all.at + all.count, words[i].at, words[i].count);
        all.count += words[i].count;
        memcpy(all.at + all.count, "\r\n", 2);
        all.count += 2;
    }
    sent = tcp_write(all.at, all.count, why);
    free(all.at);
    return sent;
}
