/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Challenges: what a registry answers with 401, WWW-Authenticate (RFC 9110, section 11).
 *
 * Belongs here: taking the header apart. Pure; fuzzed.
 * Does not belong here: credentials and tokens (auth.c).
 */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"

enum { CHALLENGE_VALUE_MAX = 2048 };

struct challenge {
    bool basic;
    bool bearer;
    char realm[CHALLENGE_VALUE_MAX]; /* of the bearer challenge; "" for what did not come */
    char service[CHALLENGE_VALUE_MAX];
    char scope[CHALLENGE_VALUE_MAX];
};

/**
 * challenge_parse() - find the schemes we know in a header
 * @header: its value; may hold several challenges
 * @ret:    what was found; schemes and parameters that we do not know are passed over, as are values
 *          of CHALLENGE_VALUE_MAX bytes and more
 *
 * Thread: any.
 */
void challenge_parse(struct text header, struct challenge *ret);
