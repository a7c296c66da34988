/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic over the counters of tasks, by their kind (runtime/engine/counters.def).
 *
 * Belongs here: sums of several tasks, what is left of a task that has ended.
 * Does not belong here: where counters lie (page.h), their words for others (metrics.h).
 */
#pragma once

#include "runtime/engine/counters.h"

/* Adds @more to @sum; a peak is the larger of the two. */
void counters_add(struct engine_counters *sum, const struct engine_counters *more);

/* What is held now is nothing, once a task is over: also when its worker died before saying so. */
void counters_end(struct engine_counters *counters);

/* Adds the buckets of @more to those of @sum. */
void latency_add(struct engine_latency *sum, const struct engine_latency *more);

/* What came since an earlier reading of the same; nothing goes below 0. */
void latency_since(struct engine_latency *now, const struct engine_latency *before);

/**
 * latency_quantile_us() - under how many microseconds a share of the requests took
 * @latency:  their times
 * @permille: the share: 500 for the median, 990
 *
 * As if times lay evenly within each bucket; those of the last are taken for its lower bound.
 *
 * Return: microseconds; 0 when there were no requests.
 */
uint64_t latency_quantile_us(const struct engine_latency *latency, unsigned permille);
