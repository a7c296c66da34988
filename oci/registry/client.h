/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repository in a registry: requests with everything around them that the distribution
 * specification asks for.
 *
 * Belongs here: scheme, authentication, redirects, retries, and errors in words.
 * Does not belong here: the order of requests of a push (push.c) or pull (pull.c).
 *
 * Everything blocks.
 */
#pragma once

#include "oci/reference.h"
#include "oci/registry/http.h"

struct registry;

enum registry_access { REGISTRY_PULL, REGISTRY_PUSH };

enum {
    REGISTRY_TRIES = 6,
    REGISTRY_WAIT_SECONDS = 60, /* the longest wait that a Retry-After is honoured for */
    REGISTRY_REDIRECTS = 5,
    REGISTRY_URL_MAX = 8192,
};

/**
 * registry_open() - prepare to speak to the registry of a reference
 * @reference: whose registry and repository
 * @access:    asked for when the registry wants a token
 * @ret:       the repository
 * @why:       docker's configuration cannot be read
 *
 * Plain http for loopback registries (127.0.0.0/8, [::1], localhost), https for all others.
 *
 * Return: 0 or negative.
 */
int registry_open(const struct reference *reference, enum registry_access access,
                  own struct registry **ret, struct fault *why) MUST_USE;
struct registry *registry_free(own struct registry *registry);
DEFINE_AUTO(struct registry *, registry_free)

const char *registry_repository(const struct registry *registry);

struct registry_call {
    const char *method;
    const char *path;   /* below /v2/REPOSITORY/, or an absolute URL that the registry gave */
    const char *accept; /* NULL: anything */
    const char *content_type; /* NULL: none */
    const char *range;        /* a whole header, "Range: …" or "Content-Range: …"; NULL: none */
    struct http_body body;
    struct http_sink *sink;
    bool once; /* not tried again: the caller knows better what to do next */
};

/**
 * registry_perform() - one call: authenticated, redirected, tried again where that may help
 * @registry: the repository
 * @call:     what to ask
 * @ret:      any answer below 400, and 404 and 416; @ret->location is an absolute URL, or ""
 * @why:      every other answer, in the registry's words
 *
 * Tried again: broken connections, 408, 429, 500, 502 to 504, with 250 ms doubling up to 8 s or what
 * Retry-After says up to REGISTRY_WAIT_SECONDS. A sink that is a file is only used by calls with once.
 *
 * Return: 0 or negative.
 */
int registry_perform(struct registry *registry, const struct registry_call *call,
                     struct http_answer *ret, struct fault *why) MUST_USE;
