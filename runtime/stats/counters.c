/* SPDX-License-Identifier: Apache-2.0 */
/* One expression for each kind, picked by the table. */
#include "runtime/stats/counters.h"

#include <stddef.h>

#define SUM(sum, more) ((sum) + (more))
#define GAUGE(sum, more) ((sum) + (more))
#define PEAK(sum, more) ((sum) > (more) ? (sum) : (more))

void counters_add(struct engine_counters *sum, const struct engine_counters *more)
{
#define COUNTER(name, kind, ...) sum->name = kind(sum->name, more->name);
#include "runtime/engine/counters.def"
#undef COUNTER
}

#undef SUM
#undef GAUGE
#undef PEAK

#define SUM(now) (now)
#define GAUGE(now) 0
#define PEAK(now) (now)

void counters_end(struct engine_counters *counters)
{
#define COUNTER(name, kind, ...) counters->name = kind(counters->name);
#include "runtime/engine/counters.def"
#undef COUNTER
}

void latency_add(struct engine_latency *sum, const struct engine_latency *more)
{
    sum->sum_ns += more->sum_ns;
    for (size_t i = 0; i < ENGINE_LATENCY_BUCKETS; i++) {
        sum->buckets[i] += more->buckets[i];
    }
}

void latency_since(struct engine_latency *now, const struct engine_latency *before)
{
    now->sum_ns -= now->sum_ns < before->sum_ns ? now->sum_ns : before->sum_ns;
    for (size_t i = 0; i < ENGINE_LATENCY_BUCKETS; i++) {
        uint64_t old = before->buckets[i];

        now->buckets[i] -= now->buckets[i] < old ? now->buckets[i] : old;
    }
}

uint64_t latency_quantile_us(const struct engine_latency *latency, unsigned permille)
{
    double total = 0;
    double below = 0;
    double rank = 0;

    for (size_t i = 0; i < ENGINE_LATENCY_BUCKETS; i++) {
        total += (double)latency->buckets[i];
    }
    rank = total * permille / 1000;
    for (unsigned i = 0; i + 1 < ENGINE_LATENCY_BUCKETS && total > 0; i++) {
        double here = (double)latency->buckets[i];

        if (here > 0 && below + here >= rank) {
            uint64_t from = engine_latency_from_us(i);
            uint64_t width = engine_latency_from_us(i + 1) - from;

            return from + (uint64_t)((double)width * (rank - below) / here);
        }
        below += here;
    }
    return total > 0 ? engine_latency_from_us(ENGINE_LATENCY_BUCKETS - 1) : 0;
}
