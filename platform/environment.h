/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of the container that a platform component runs as.
 *
 * Belongs here: its variables as the host gives them. Does not belong here: what they mean.
 */
#pragma once

#include <stddef.h>

struct variable {
    const char *key; /* NUL behind it, and none inside */
    const char *value;
};

/** environment() - all variables, read once; borrowed for good */
const struct variable *environment(size_t *ret_count);

/** environment_get() - a variable's value, or NULL */
const char *environment_get(const char *key);
