/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket counts in time: each request costs a second divided by the rate. */
#include "runtime/broker/requests.h"

#include "base/clock.h"

enum { GREETING = REQUEST_GREETING, SERVING = REQUEST_SERVING };

static const struct row {
    unsigned phases;
    struct request_rate rate;
} rows[] = {
#define REQUEST(NAME, phases, rate, burst) {(phases), {(rate), (burst)}},
#include "runtime/broker/requests.def"
#undef REQUEST
};

struct request_rate request_rate(enum request request)
{
    return rows[request].rate;
}

bool request_fits(enum request request, enum request_phase phase)
{
    return (rows[request].phases & (unsigned)phase) != 0;
}

uint64_t request_take(struct request_bucket *bucket, struct request_rate rate, uint64_t now_ns)
{
    uint64_t cost = rate.rate == 0 ? 0 : NS_PER_S / rate.rate;
    uint64_t room = cost * rate.burst;
    uint64_t since = now_ns - bucket->seen_ns;

    if (rate.rate == 0) {
        return 0;
    }
    bucket->used_ns = bucket->used_ns > since ? bucket->used_ns - since : 0;
    bucket->seen_ns = now_ns;
    if (bucket->used_ns + cost > room) {
        return bucket->used_ns + cost - room;
    }
    bucket->used_ns += cost;
    return 0;
}
