/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of skep top: what the containers of each pod did between two readings.
 *
 * Belongs here: differences, sums by pod, the order of rows.
 * Does not belong here: asking the daemons (skepds.h), words (top.c).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "cli/containers.h"

enum top_order { TOP_BY_CPU, TOP_BY_MEMORY, TOP_BY_REQUESTS };

/* A pod, or a container that is in none. Texts are borrowed of the later reading. */
struct top_row {
    const char *space; /* the pod's namespace, or containerd's */
    const char *name;
    size_t containers;
    uint64_t cpu_ns;       /* used between the readings */
    uint64_t requests;     /* taken in between them */
    uint64_t memory_bytes; /* this and what follows: at the later one */
    uint64_t in_flight;
    uint64_t instances;
    uint64_t traps;
    uint64_t errors;
    struct engine_latency latency; /* of requests that were answered between them */
};

struct top_rows {
    own struct top_row *at;
    size_t count;
};

/**
 * top_rows_make() - compare two readings
 * @before: the earlier one; a container that is not in it began at 0
 * @now:    the later one; must outlive the result
 * @order:  largest first, then by name
 * @ret:    to be ended by top_rows_fini()
 */
void top_rows_make(const struct containers *before, const struct containers *now,
                   enum top_order order, struct top_rows *ret);
void top_rows_fini(struct top_rows *rows);
