/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl calls back for every header and every piece of a body; struct transfer is what these
 * callbacks may touch. curl_ names are libcurl's.
 */
#include "oci/registry/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"

struct http {
    CURL *curl;
    const char *authority; /* NULL: those of the node */
};

struct transfer {
    struct http *http;
    const struct http_exchange *exchange;
    struct http_answer *answer;
    struct http_body body;
    uint64_t sent;
    bool too_large;
    int write_error;
};

static const struct kept {
    const char *name;
    size_t offset;
    size_t room;
} kept[] = {
#define KEPT(header, field)                                                                        \
    {header, offsetof(struct http_answer, field), sizeof(((struct http_answer *)0)->field)}
    KEPT("location", location),           KEPT("www-authenticate", challenge),
    KEPT("content-type", content_type),   KEPT("docker-content-digest", digest),
    KEPT("range", range),                 KEPT("content-range", content_range),
    KEPT("retry-after", retry_after),
#undef KEPT
};

int http_new(own struct http **ret, struct fault *why)
{
    struct http *http = NULL;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return fault(why, FAULT_INTERNAL, "libcurl could not be set up");
    }
    http = NEW(struct http);
    http->curl = curl_easy_init();
    if (!http->curl) {
        free(http);
        return fault(why, FAULT_INTERNAL, "libcurl could not be set up");
    }
    *ret = http;
    return 0;
}

struct http *http_free(own struct http *http)
{
    if (http) {
        curl_easy_cleanup(http->curl);
        free(http);
    }
    return NULL;
}

void http_trust(struct http *http, const char *authority)
{
    http->authority = authority;
}

static size_t on_header(char *line, size_t one, size_t length, void *owner)
{
    struct transfer *transfer = (struct transfer *)owner;
    size_t all = one * length;

    if (all >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        /* An interim answer (100) came before: only the last one's headers count. */
        *transfer->answer = (struct http_answer){.status = 0};
        return all;
    }
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        size_t name = strlen(kept[i].name);

        if (length > name && line[name] == ':' && strncasecmp(line, kept[i].name, name) == 0) {
            char *to = (char *)transfer->answer + kept[i].offset;
            const char *value = line + name + 1;
            size_t left = length - name - 1;

            while (left > 0 && (*value == ' ' || *value == '\t')) {
                value++;
                left--;
            }
            while (left > 0 && (unsigned char)value[left - 1] <= ' ') {
                left--;
            }
            if (left < kept[i].room) {
                memcpy(to, value, left);
                to[left] = '\0';
            }
        }
    }
    return all;
}

static bool sink_take(struct transfer *transfer, const char *bytes, size_t length)
{
    struct http_sink *sink = transfer->exchange->sink;

    if (!sink) {
        return true;
    }
    if (transfer->answer->written + length > sink->max) {
        transfer->too_large = true;
        return false;
    }
    transfer->answer->written += length;
    if (sink->buf) {
        buf_put(sink->buf, bytes, length);
        transfer->too_large = sink->buf->overflow;
        return !sink->buf->overflow;
    }
    if (sink->on_bytes) {
        sink->on_bytes(sink->owner, bytes, length);
    }
    transfer->write_error = fs_write_all(sink->file, bytes, length);
    return transfer->write_error == 0;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *owner)
{
    struct transfer *transfer = (struct transfer *)owner;
    size_t all = one * length;
    long status = 0;

    (void)curl_easy_getinfo(transfer->http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 300) {
        return sink_take(transfer, bytes, all) ? all : 0;
    }
    if (transfer->exchange->errors) {
        struct buf *errors = transfer->exchange->errors;
        size_t room = errors->max - errors->length;

        buf_put(errors, bytes, all < room ? all : room);
    }
    return all;
}

static size_t on_send(char *bytes, size_t one, size_t room, void *owner)
{
    struct transfer *transfer = (struct transfer *)owner;
    uint64_t left = transfer->body.length - transfer->sent;
    size_t length = one * room < left ? one * room : (size_t)left;
    ssize_t got;

    if (transfer->body.bytes) {
        memcpy(bytes, (const char *)transfer->body.bytes + transfer->sent, length);
        transfer->sent += length;
        return length;
    }
    got = length == 0 ? 0
                      : pread(transfer->body.file, bytes, length,
                              (off_t)(transfer->body.offset + transfer->sent));
    if (got < 0 || (got == 0 && length > 0)) {
        return CURL_READFUNC_ABORT;
    }
    transfer->sent += (size_t)got;
    return (size_t)got;
}

static int on_rewind(void *owner, curl_off_t offset, int origin)
{
    struct transfer *transfer = (struct transfer *)owner;

    if (origin != SEEK_SET || offset < 0) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    transfer->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static void set_body(CURL *curl, const struct http_request *request, struct transfer *transfer)
{
    bool put = strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0;

    if (put) {
        /* UPLOAD makes libcurl send a body; the method is ours all the same. */
        (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body.length);
        (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_send);
        (void)curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_rewind);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, transfer);
    }
    (void)curl_easy_setopt(curl, CURLOPT_NOBODY, strcmp(request->method, "HEAD") == 0 ? 1L : 0L);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_all(CURL *curl, const struct http_request *request, struct curl_slist *headers,
                    struct transfer *transfer)
{
    curl_easy_reset(curl);
    set_body(curl, request, transfer);
    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "skep");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)HTTP_STALL_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    if (transfer->http->authority) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, transfer->http->authority);
        (void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
}

static int ended_badly(const struct transfer *transfer, const struct http_request *request,
                       CURLcode code, struct fault *why)
{
    if (transfer->too_large) {
        return fault(why, FAULT_LIMIT, "the answer of %s is larger than %llu bytes", request->url,
                     (unsigned long long)transfer->exchange->sink->max);
    }
    if (transfer->write_error < 0) {
        return fault_sys(why, transfer->write_error, "write what %s answers", request->url);
    }
    return fault(why, code == CURLE_OPERATION_TIMEDOUT ? FAULT_TIMEOUT : FAULT_UNAVAILABLE,
                 "%s %s: %s", request->method, request->url, curl_easy_strerror(code));
}

int http_perform(struct http *http, const struct http_request *request,
                 const struct http_exchange *exchange, struct http_answer *ret, struct fault *why)
{
    struct transfer transfer = {
        .http = http, .exchange = exchange, .answer = ret, .body = request->body};
    /* No waiting for "100 Continue", which some registries never send. */
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    CURLcode code;

    *ret = (struct http_answer){.status = 0};
    for (size_t i = 0; i < HTTP_HEADERS_MAX && request->headers[i]; i++) {
        headers = curl_slist_append(headers, request->headers[i]);
    }
    if (exchange->sink && exchange->sink->buf) {
        exchange->sink->buf->length = 0;
    }
    set_all(http->curl, request, headers, &transfer);
    code = curl_easy_perform(http->curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) {
        return ended_badly(&transfer, request, code, why);
    }
    (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &ret->status);
    return 0;
}
