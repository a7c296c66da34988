/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter of libseccomp while it is made: AUTO(filter_done) scmp_filter_ctx filter.
 *
 * Belongs here: its end. Nobody outside of this room includes it.
 */
#pragma once

#include <seccomp.h>

#include "base/attr.h"

UNUSED static inline int filter_done(scmp_filter_ctx filter)
{
    if (filter) {
        seccomp_release(filter);
    }
    return 0;
}
DEFINE_AUTO(scmp_filter_ctx, filter_done)
