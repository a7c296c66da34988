/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests, one at a time; the only user of libcurl.
 *
 * Belongs here: one request and its answer, with ceilings on both.
 * Does not belong here: redirects, retries, authentication (client.c does them by hand, so that the
 * rules are seen and tested).
 */
#pragma once

#include <stdint.h>

#include "base/bytes.h"

struct fault;
struct http;

enum {
    HTTP_HEADERS_MAX = 12,       /* of a request */
    HTTP_HEADER_BYTES_MAX = 8192, /* of one header that is kept or sent */
    HTTP_CONNECT_SECONDS = 20,
    HTTP_STALL_SECONDS = 60, /* less than one byte a second for so long ends a request */
};

/* Bytes to send: a piece of memory, or of a file that can be read at offsets. */
struct http_body {
    const void *bytes;
    int file;        /* when @bytes is NULL and @length is not 0 */
    uint64_t offset; /* in the file */
    uint64_t length;
};

struct http_request {
    const char *method;
    const char *url;
    const char *headers[HTTP_HEADERS_MAX]; /* "Name: value"; ended by NULL */
    struct http_body body;
};

/* Where the answer's body goes: a buffer with a maximum, or a file and a maximum. */
struct http_sink {
    struct buf *buf; /* emptied first; NULL: to @file */
    int file;
    uint64_t max;
    void (*on_bytes)(void *owner, const void *bytes, size_t length); /* of a file, as they come */
    void *owner;
};

struct http_exchange {
    struct http_sink *sink; /* of a body whose status is below 300; NULL: thrown away */
    struct buf *errors;     /* of the body of any other status, cut at its maximum */
};

struct http_answer {
    long status;
    char location[HTTP_HEADER_BYTES_MAX]; /* "" for every header that did not come */
    char challenge[HTTP_HEADER_BYTES_MAX];
    char content_type[256];
    char digest[256];      /* Docker-Content-Digest */
    char range[128];       /* Range, of uploads */
    char content_range[128];
    char retry_after[128];
    uint64_t written; /* bytes that went to the sink */
};

int http_new(own struct http **ret, struct fault *why) MUST_USE;
struct http *http_free(own struct http *http);
DEFINE_AUTO(struct http *, http_free)

/**
 * http_trust() - believe the certificates of one authority alone, for all requests to come
 * @http:      the client
 * @authority: a file of PEM certificates; borrowed
 */
void http_trust(struct http *http, const char *authority);

/**
 * http_perform() - one request; any status is an answer
 * @http:     keeps connections open between requests
 * @request:  borrowed
 * @exchange: where the body goes
 * @ret:      the answer
 * @why:      FAULT_UNAVAILABLE or FAULT_TIMEOUT when there was no answer, FAULT_LIMIT when the body is
 *            larger than the sink's maximum
 *
 * Only http and https are spoken. Blocks. Return: 0 or negative.
 */
int http_perform(struct http *http, const struct http_request *request,
                 const struct http_exchange *exchange, struct http_answer *ret,
                 struct fault *why) MUST_USE;
