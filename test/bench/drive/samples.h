/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples: times that are told as median and tails.
 *
 * Belongs here: collecting, ordering. Does not belong here: what was measured.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct samples {
    own uint64_t *at;
    size_t count;
    size_t room;
};

void samples_add(struct samples *samples, uint64_t ns);
/* " NAME_p50_us=… NAME_p95_us=… NAME_p99_us=… NAME_max_us=…" to stdout; nothing of no samples. */
void samples_print(struct samples *samples, const char *name);
void samples_fini(struct samples *samples);
