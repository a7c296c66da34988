/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of libcap while it is made: AUTO(cap_free_any) cap_t set.
 *
 * Belongs here: its end. Nobody outside of this room includes it.
 */
#pragma once

#include <stddef.h>
#include <sys/capability.h>

#include "base/attr.h"

UNUSED static inline void *cap_free_any(void *held)
{
    if (held) {
        (void)cap_free(held);
    }
    return NULL;
}
DEFINE_AUTO(cap_t, cap_free_any)
