/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buckets in a server that speaks Redis's protocol.
 *
 * How it works: one connection, made when it is needed. A key there is BUCKET:KEY; a bucket's name has
 * no colon. Commands may be said twice without harm, so one that fails on a connection that had been
 * used before is said once more on a new one.
 */
#include "platform/environment.h"
#include "platform/keyvalue/bucket.h"
#include "platform/keyvalue/resp.h"
#include "platform/keyvalue/tcp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOST_MOST = 253,
    PREFIX_MOST = IDENTIFIER_MOST + 1,
};

static struct word text(const char *at)
{
    return (struct word){.at = at, .count = strlen(at)};
}

/* What an answer says of an error. */
static int refused(const struct reply *reply, struct bytes *why)
{
    if (reply->kind != '-') {
        return BUCKET_DONE;
    }
    if (strncmp(reply->line, "-NOAUTH", 7) == 0 || strncmp(reply->line, "-NOPERM", 7) == 0 ||
        strncmp(reply->line, "-WRONGPASS", 10) == 0) {
        return BUCKET_DENIED;
    }
    *why = sentence("the server says: %s", reply->line + 1);
    return BUCKET_FAILED;
}

/* KEYVALUE_ADDRESS, taken apart. */
static bool address(char host[HOST_MOST + 1], uint16_t *port, struct bytes *why)
{
    const char *told = environment_get("KEYVALUE_ADDRESS");
    const char *colon = told ? strrchr(told, ':') : NULL;
    char *end = NULL;
    long number = colon ? strtol(colon + 1, &end, 10) : 0;
    size_t count = colon ? (size_t)(colon - told) : 0;

    if (count == 0 || count > HOST_MOST || *end != '\0' || number < 1 || number > 65535) {
        *why = sentence("KEYVALUE_ADDRESS is HOST:PORT, with at most %d bytes of HOST", HOST_MOST);
        return false;
    }
    memcpy(host, told, count);
    host[count] = '\0';
    *port = (uint16_t)number;
    return true;
}

static int open_line(struct bytes *why)
{
    const char *password = environment_get("KEYVALUE_PASSWORD");
    char host[HOST_MOST + 1];
    uint16_t port;
    struct reply reply;
    int answer;

    if (!address(host, &port, why) || !tcp_open(host, port, why)) {
        return BUCKET_FAILED;
    }
    resp_start();
    if (!password || *password == '\0') {
        return BUCKET_DONE;
    }
    const struct word words[] = {text("AUTH"), text(password)};

    if (!resp_send(words, 2, why) || !resp_read(&reply, why)) {
        return BUCKET_FAILED;
    }
    free(reply.bulk.at);
    answer = refused(&reply, why);
    if (answer != BUCKET_DONE) {
        tcp_close();
    }
    return answer;
}

static int ask(const struct word *words, size_t count, struct reply *ret, struct bytes *why)
{
    bool used = tcp_is_open();

    for (;;) {
        int answer = used ? BUCKET_DONE : open_line(why);

        if (answer != BUCKET_DONE) {
            return answer;
        }
        if (resp_send(words, count, why) && resp_read(ret, why)) {
            return refused(ret, why);
        }
        if (!used || tcp_is_open()) {
            return BUCKET_FAILED;
        }
        used = false;
        free(why->at);
    }
}

/* One command on a key and one more word, if there is any. */
static int ask_key(const struct bucket *bucket, const char *verb, const struct key *key,
                   const struct word *more, struct reply *ret, struct bytes *why)
{
    uint8_t whole[PREFIX_MOST + KEY_MOST];
    size_t prefix = strlen(bucket->folder);
    struct word words[3] = {text(verb), {.at = whole, .count = prefix + key->count}};

    memcpy(whole, bucket->folder, prefix);
    memcpy(whole + prefix, key->at, key->count);
    if (more) {
        words[2] = *more;
    }
    return ask(words, more ? 3 : 2, ret, why);
}

int bucket_open(const uint8_t *name, size_t count, struct bucket *ret, struct bytes *why)
{
    char identifier[IDENTIFIER_MOST + 1];
    char host[HOST_MOST + 1];
    uint16_t port;

    if (!key_bucket(name, count, identifier)) {
        return BUCKET_NO_SUCH;
    }
    snprintf(ret->folder, sizeof(ret->folder), "%s:", identifier);
    return address(host, &port, why) ? BUCKET_DONE : BUCKET_FAILED;
}

int bucket_get(const struct bucket *bucket, const struct key *key, struct bytes *ret, struct bytes *why)
{
    struct reply reply;
    int answer = ask_key(bucket, "GET", key, NULL, &reply, why);

    if (answer != BUCKET_DONE) {
        return answer;
    }
    *ret = reply.bulk;
    return reply.bulk.at ? BUCKET_DONE : BUCKET_ABSENT;
}

int bucket_set(const struct bucket *bucket, const struct key *key, struct bytes value, struct bytes *why)
{
    struct word word = {.at = value.at, .count = value.count};
    struct reply reply;
    int answer;

    if (value.count > VALUE_MOST) {
        *why = sentence("a value has at most %d bytes, and this one has %zu", VALUE_MOST, value.count);
        return BUCKET_FAILED;
    }
    answer = ask_key(bucket, "SET", key, &word, &reply, why);
    if (answer == BUCKET_DONE) {
        free(reply.bulk.at);
    }
    return answer;
}

static int ask_number(const struct bucket *bucket, const char *verb, const struct key *key,
                      int64_t *ret, struct bytes *why)
{
    struct reply reply;
    int answer = ask_key(bucket, verb, key, NULL, &reply, why);

    if (answer == BUCKET_DONE) {
        free(reply.bulk.at);
        *ret = reply.number;
        if (reply.kind != ':') {
            resp_broken(why, "no number where one is due");
            return BUCKET_FAILED;
        }
    }
    return answer;
}

int bucket_delete(const struct bucket *bucket, const struct key *key, struct bytes *why)
{
    int64_t number;

    return ask_number(bucket, "DEL", key, &number, why);
}

int bucket_has(const struct bucket *bucket, const struct key *key, struct bytes *why)
{
    int64_t number = 0;
    int answer = ask_number(bucket, "EXISTS", key, &number, why);

    return answer == BUCKET_DONE && number == 0 ? BUCKET_ABSENT : answer;
}

/* A key of the server's, if it is one that we could have set. */
static void page_add(struct page *page, const struct bucket *bucket, const struct bytes *whole)
{
    size_t prefix = strlen(bucket->folder);
    struct key *key = &page->at[page->count].key;

    if (whole->count > prefix && whole->count <= prefix + KEY_MOST &&
        memcmp(whole->at, bucket->folder, prefix) == 0 && text_is_utf8(whole->at, whole->count)) {
        key->count = whole->count - prefix;
        memcpy(key->at, whole->at + prefix, key->count);
        page->count++;
    }
}

static bool read_page(const struct bucket *bucket, int64_t count, struct page *page, struct bytes *why)
{
    if (count < 0 || count > PAGE_MOST) {
        return resp_broken(why, "it lists more than 256 keys at once");
    }
    for (int64_t i = 0; i < count; i++) {
        struct reply reply;

        if (!resp_read(&reply, why)) {
            return false;
        }
        if (!reply.bulk.at) {
            return resp_broken(why, "a key that is none");
        }
        page_add(page, bucket, &reply.bulk);
        free(reply.bulk.at);
    }
    return true;
}

/* SCAN's answer is two things: where to go on, and keys. */
static bool read_scan(const struct bucket *bucket, struct page *page, struct bytes *why)
{
    struct reply reply;
    char cursor[32] = "";

    if (!resp_read(&reply, why)) {
        return false;
    }
    if (!reply.bulk.at || reply.bulk.count >= sizeof(cursor)) {
        free(reply.bulk.at);
        return resp_broken(why, "no cursor where one is due");
    }
    memcpy(cursor, reply.bulk.at, reply.bulk.count);
    free(reply.bulk.at);
    page->next = strtoull(cursor, NULL, 10);
    page->more = page->next != 0;
    if (!resp_read(&reply, why)) {
        return false;
    }
    if (reply.kind != '*') {
        free(reply.bulk.at);
        return resp_broken(why, "no keys where they are due");
    }
    return read_page(bucket, reply.number, page, why);
}

int bucket_list(const struct bucket *bucket, const uint64_t *after, struct page *ret, struct bytes *why)
{
    char cursor[32];
    char pattern[PREFIX_MOST + 2];
    struct reply reply;
    int answer;

    snprintf(cursor, sizeof(cursor), "%" PRIu64, after ? *after : 0);
    snprintf(pattern, sizeof(pattern), "%s*", bucket->folder);
    const struct word words[] = {text("SCAN"), text(cursor), text("MATCH"),
                                 text(pattern), text("COUNT"), text("100")};

    ret->count = 0;
    answer = ask(words, sizeof(words) / sizeof(*words), &reply, why);
    if (answer != BUCKET_DONE) {
        return answer;
    }
    free(reply.bulk.at);
    if (reply.kind != '*' || reply.number != 2) {
        resp_broken(why, "no answer to SCAN");
        return BUCKET_FAILED;
    }
    return read_scan(bucket, ret, why) ? BUCKET_DONE : BUCKET_FAILED;
}
