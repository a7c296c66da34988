/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our counters in the words of cgroups, for containers and for whole pods.
 *
 * Belongs here: the message and its exact type. Does not belong here: whose counters (the verbs).
 */
#pragma once

#include "base/bytes.h"
#include "shim/pod/container.h"
#include "shim/proto/types.pb-c.h"

enum { STATS_BYTES_MAX = 4096 };

struct stats_numbers {
    struct engine_counters counters;
    uint64_t memory_limit; /* UINT64_MAX for none, as cgroups say "max" */
    uint64_t guests;
};

/**
 * stats_pack() - as the message for the cgroup version of this host
 * @numbers: the numbers
 * @bytes:   appended to
 * @ret:     borrows its value from @bytes, its type is static text
 */
void stats_pack(const struct stats_numbers *numbers, struct buf *bytes, Types__Any *ret);
