/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication: from a challenge to the header that answers it.
 *
 * Belongs here: basic credentials, tokens and where they are fetched.
 * Does not belong here: when a challenge is answered (client.c).
 */
#pragma once

#include "base/bytes.h"
#include "oci/registry/challenge.h"

struct credentials;
struct fault;
struct http;

enum { AUTH_TOKEN_MAX = 128 * 1024 };

struct auth_ask {
    const struct challenge *challenge;
    const struct credentials *credentials;
    const char *scope;  /* when the challenge names none: "repository:acme/app:pull" */
    bool secure;        /* the registry is spoken to by https: then so must the realm be */
};

/**
 * auth_answer() - the Authorization header for a challenge
 * @http:   used to fetch a token
 * @ask:    who wants what
 * @ret:    emptied, then "Authorization: …" and NUL; "" (one NUL) when nothing can be offered
 * @why:    the token server refuses, or its realm is one that no secret may go to
 *
 * Blocks. Return: 0 or negative.
 */
int auth_answer(struct http *http, const struct auth_ask *ask, struct buf *ret,
                struct fault *why) MUST_USE;
