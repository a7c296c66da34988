/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call is a few requests: the loop in registry_perform() decides after each answer whether it is
 * the last. What may be tried again is a table of one function, is_passing().
 */
#include "oci/registry/client.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "oci/registry/auth.h"
#include "oci/registry/credentials.h"

enum { ERRORS_MAX = 4096, FIRST_WAIT_MS = 250, LAST_WAIT_MS = 8000 };

struct registry {
    struct http *http;
    struct credentials credentials;
    struct buf authorization; /* a header and NUL; empty before the first challenge */
    char base[REGISTRY_URL_MAX]; /* "https://host" */
    char repository[REFERENCE_NAME_MAX + 1];
    enum registry_access access;
};

static bool is_loopback(const char *registry)
{
    size_t host = strcspn(registry, ":");

    return strncmp(registry, "127.", 4) == 0 || strncmp(registry, "[::1]", 5) == 0 ||
           (host == 9 && strncmp(registry, "localhost", 9) == 0);
}

int registry_open(const struct reference *reference, enum registry_access access,
                  own struct registry **ret, struct fault *why)
{
    AUTO(registry_free) struct registry *registry = NEW(struct registry);
    /* Docker Hub's registry has another name than its references. */
    const char *host = strcmp(reference->registry, "docker.io") == 0 ? "registry-1.docker.io"
                                                                      : reference->registry;

    registry->access = access;
    registry->authorization = BUF(AUTH_TOKEN_MAX + 64);
    (void)snprintf(registry->base, sizeof(registry->base), "%s://%s",
                   is_loopback(host) ? "http" : "https", host);
    (void)snprintf(registry->repository, sizeof(registry->repository), "%s",
                   reference->repository);
    TRY(http_new(&registry->http, why));
    TRY(credentials_find(reference->registry, &registry->credentials, why));
    *ret = TAKE(registry);
    return 0;
}

struct registry *registry_free(own struct registry *registry)
{
    if (registry) {
        (void)http_free(registry->http);
        credentials_fini(&registry->credentials);
        buf_fini(&registry->authorization);
        free(registry);
    }
    return NULL;
}

const char *registry_repository(const struct registry *registry)
{
    return registry->repository;
}

/* scheme://host:port of a URL. */
static size_t origin_length(const char *url)
{
    const char *host = strstr(url, "://");

    return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

static bool is_same_origin(const char *one, const char *other)
{
    size_t length = origin_length(one);

    return length > 0 && length == origin_length(other) && strncmp(one, other, length) == 0;
}

/* A Location may be relative to the URL that was asked. */
static int url_resolve(const char *asked, const char *location, char ret[REGISTRY_URL_MAX],
                       struct fault *why)
{
    int length = 0;

    if (strstr(location, "://")) {
        length = snprintf(ret, REGISTRY_URL_MAX, "%s", location);
    } else if (location[0] == '/') {
        length = snprintf(ret, REGISTRY_URL_MAX, "%.*s%s", (int)origin_length(asked), asked,
                          location);
    } else {
        size_t keep = strcspn(asked, "?#");

        while (keep > 0 && asked[keep - 1] != '/') {
            keep--;
        }
        length = snprintf(ret, REGISTRY_URL_MAX, "%.*s%s", (int)keep, asked, location);
    }
    if (length >= REGISTRY_URL_MAX) {
        return fault(why, FAULT_LIMIT, "the registry sends to an address of more than %d bytes",
                     REGISTRY_URL_MAX);
    }
    return 0;
}

static enum fault_kind kind_of(long status)
{
    switch (status) {
    case 401:
    case 403:
        return FAULT_DENIED;
    case 404:
        return FAULT_NOT_FOUND;
    case 405:
        return FAULT_UNSUPPORTED;
    case 413:
    case 429:
        return FAULT_LIMIT;
    default:
        return status >= 500 ? FAULT_UNAVAILABLE : FAULT_INVALID;
    }
}

static int refused(const struct registry_call *call, const char *url, long status,
                   const struct buf *errors, struct fault *why)
{
    AUTO(node_free) struct node *root = NULL;
    struct fault ignored = {0};
    struct text bytes = {(const char *)errors->data, errors->length};
    const struct node *first = NULL;
    const char *code = NULL;
    const char *message = NULL;

    if (node_parse(bytes, "errors", ERRORS_MAX, &root, &ignored) == 0) {
        first = node_item(node_member(root, "errors"), 0);
        code = node_string(node_member(first, "code"));
        message = node_string(node_member(first, "message"));
    }
    (void)fault(why, kind_of(status), "%s %.120s: the registry answers %ld%s%.40s%s%.120s",
                call->method, url, status, code ? " " : "", code ? code : "", message ? ": " : "",
                message ? message : "");
    for (char *at = why->text; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' ? ' ' : *at;
    }
    return -1;
}

static bool is_passing(long status)
{
    return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

/* Retry-After is seconds or a date. Return: nanoseconds, at least what doubling gives. */
static uint64_t wait_of(const struct http_answer *answer, unsigned tries)
{
    uint64_t wait = (uint64_t)FIRST_WAIT_MS << tries;
    uint64_t seconds = 0;
    struct tm date = {0};
    uint8_t jitter = 0;

    if (getrandom(&jitter, 1, GRND_NONBLOCK) < 0) {
        jitter = 0; /* then without */
    }
    wait = wait > LAST_WAIT_MS ? LAST_WAIT_MS : wait;
    wait = wait * NS_PER_MS * (200U + jitter % 50U) / 225U;
    if (text_to_u64(text_of(answer->retry_after), 0, UINT32_MAX, &seconds)) {
        return seconds * NS_PER_S;
    }
    if (answer->retry_after[0] != '\0' &&
        strptime(answer->retry_after, "%a, %d %b %Y %H:%M:%S", &date)) {
        int64_t ahead = timegm(&date) - clock_wall().seconds;

        return ahead > 0 ? (uint64_t)ahead * NS_PER_S : 0;
    }
    return wait;
}

static void wait_ns(uint64_t ns)
{
    struct timespec left = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

    while (nanosleep(&left, &left) < 0) {
    }
}

static int authenticate(struct registry *registry, const struct http_answer *answer,
                        struct fault *why)
{
    struct challenge challenge;
    char scope[REFERENCE_NAME_MAX + 64];
    struct auth_ask ask = {.challenge = &challenge,
                           .credentials = &registry->credentials,
                           .scope = scope,
                           .secure = strncmp(registry->base, "https", 5) == 0};

    challenge_parse(text_of(answer->challenge), &challenge);
    (void)snprintf(scope, sizeof(scope), "repository:%s:%s", registry->repository,
                   registry->access == REGISTRY_PUSH ? "pull,push" : "pull");
    return auth_answer(registry->http, &ask, &registry->authorization, why);
}

/* The state of one call over its requests. */
struct attempt {
    char url[REGISTRY_URL_MAX];
    unsigned tries;
    unsigned redirects;
    bool authenticated;
};

static int request_once(struct registry *registry, const struct registry_call *call,
                        const struct attempt *attempt, struct buf *errors,
                        struct http_answer *ret, struct fault *why)
{
    struct http_request request = {.method = call->method, .url = attempt->url, .body = call->body};
    struct http_exchange exchange = {.sink = call->sink, .errors = errors};
    char accept[512];
    char type[512];
    size_t count = 0;

    if (call->accept) {
        (void)snprintf(accept, sizeof(accept), "Accept: %s", call->accept);
        request.headers[count++] = accept;
    }
    if (call->content_type) {
        (void)snprintf(type, sizeof(type), "Content-Type: %s", call->content_type);
        request.headers[count++] = type;
    }
    if (call->range) {
        request.headers[count++] = call->range;
    }
    /* The authorization is for the registry and for nobody it may send us to. */
    if (registry->authorization.length > 1 && is_same_origin(attempt->url, registry->base)) {
        request.headers[count++] = (const char *)registry->authorization.data;
    }
    errors->length = 0;
    return http_perform(registry->http, &request, &exchange, ret, why);
}

enum next { NEXT_DONE, NEXT_AGAIN };

static int follow(struct registry *registry, const struct registry_call *call,
                  struct attempt *attempt, struct http_answer *answer, struct fault *why)
{
    char target[REGISTRY_URL_MAX];
    bool reads = strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0;

    TRY(answer->location[0] == '\0'
            ? 0
            : url_resolve(attempt->url, answer->location, target, why));
    if (answer->location[0] != '\0') {
        (void)snprintf(answer->location, sizeof(answer->location), "%s", target);
    }
    if (answer->status < 300 || answer->status >= 400 || answer->location[0] == '\0' ||
        (!reads && answer->status != 307 && answer->status != 308)) {
        return NEXT_DONE;
    }
    if (++attempt->redirects > REGISTRY_REDIRECTS) {
        return fault(why, FAULT_LIMIT, "%s redirects more than %d times", registry->base,
                     REGISTRY_REDIRECTS);
    }
    if (strncmp(registry->base, "https", 5) == 0 && strncmp(target, "https://", 8) != 0) {
        return fault(why, FAULT_DENIED, "%s redirects to %.200s, which is not https",
                     registry->base, target);
    }
    (void)snprintf(attempt->url, sizeof(attempt->url), "%s", target);
    return NEXT_AGAIN;
}

/* After an answer: is it the last? Positive results are enum next. */
static int judge(struct registry *registry, const struct registry_call *call,
                 struct attempt *attempt, struct http_answer *answer, struct fault *why)
{
    if (answer->status == 401 && !attempt->authenticated &&
        is_same_origin(attempt->url, registry->base)) {
        attempt->authenticated = true;
        TRY(authenticate(registry, answer, why));
        return registry->authorization.length > 1 ? NEXT_AGAIN : NEXT_DONE;
    }
    if (is_passing(answer->status) && !call->once && attempt->tries + 1 < REGISTRY_TRIES) {
        uint64_t wait = wait_of(answer, attempt->tries++);

        if (wait > REGISTRY_WAIT_SECONDS * NS_PER_S) {
            return fault(why, FAULT_LIMIT, "%s wants us to come back in %llu s", registry->base,
                         (unsigned long long)(wait / NS_PER_S));
        }
        wait_ns(wait);
        return NEXT_AGAIN;
    }
    return follow(registry, call, attempt, answer, why);
}

int registry_perform(struct registry *registry, const struct registry_call *call,
                     struct http_answer *ret, struct fault *why)
{
    AUTO(buf_fini) struct buf errors = BUF(ERRORS_MAX);
    struct attempt attempt = {.tries = 0};
    bool absolute = strstr(call->path, "://") != NULL;
    int next = NEXT_AGAIN;

    if (snprintf(attempt.url, sizeof(attempt.url), "%s%s%s%s%s", absolute ? "" : registry->base,
                 absolute ? "" : "/v2/", absolute ? "" : registry->repository,
                 absolute ? "" : "/", call->path) >= (int)sizeof(attempt.url)) {
        return fault(why, FAULT_LIMIT, "an address of the registry has at most %d bytes",
                     REGISTRY_URL_MAX);
    }
    while (next == NEXT_AGAIN) {
        if (request_once(registry, call, &attempt, &errors, ret, why) < 0) {
            if (call->once || why->kind == FAULT_LIMIT || attempt.tries + 1 >= REGISTRY_TRIES) {
                return -1;
            }
            wait_ns(wait_of(ret, attempt.tries++));
            continue;
        }
        next = judge(registry, call, &attempt, ret, why);
        TRY(next);
    }
    if (ret->status >= 400 && ret->status != 404 && ret->status != 416) {
        return refused(call, attempt.url, ret->status, &errors, why);
    }
    return 0;
}
