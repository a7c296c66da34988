/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources as limits. Units change from the specification's to ours: µs to ns. */
#include <inttypes.h>

#include "base/fault.h"
#include "runtime/grant/decide.h"
#include "runtime/spec/spec.h"

enum {
    NS_PER_US = 1000,
    SHARES_LEAST = 2, /* of cgroup v1's cpu.shares */
    SHARES_MOST = 262144,
    WEIGHT_MOST = 10000,
    PERIOD_LEAST_US = 1000, /* the kernel's bounds of cpu.cfs_period_us and _quota_us */
    PERIOD_MOST_US = 1000000,
    PERIOD_DEFAULT_US = 100000,
    QUOTA_LEAST_US = 1000,
};

static const int64_t quota_most_us = INT64_C(1000000000000);

/* As runtimes translate it for cgroup v2: 2..262144 onto 1..10000. */
static uint64_t weight_of(int64_t shares)
{
    if (shares < SHARES_LEAST) {
        shares = SHARES_LEAST;
    }
    if (shares > SHARES_MOST) {
        shares = SHARES_MOST;
    }
    return 1 + (uint64_t)(shares - SHARES_LEAST) * (WEIGHT_MOST - 1) / (SHARES_MOST - SHARES_LEAST);
}

static int check_cpu(const struct spec_resources *resources, struct fault *why)
{
    int64_t period = resources->cpu_period;
    int64_t quota = resources->cpu_quota;

    if (period != 0 && (period < PERIOD_LEAST_US || period > PERIOD_MOST_US)) {
        return fault(why, FAULT_INVALID, "linux.resources.cpu.period must be from %d to %d, not %"
                     PRId64, PERIOD_LEAST_US, PERIOD_MOST_US, period);
    }
    if (quota > 0 && (quota < QUOTA_LEAST_US || quota > quota_most_us)) {
        return fault(why, FAULT_INVALID, "linux.resources.cpu.quota must be from %d to %" PRId64
                     ", not %" PRId64, QUOTA_LEAST_US, quota_most_us, quota);
    }
    return 0;
}

int decide_limits(const struct spec_resources *resources, struct grant_limits *limits,
                  struct fault *why)
{
    TRY(check_cpu(resources, why));
    if (resources->memory_limit != 0) {
        limits->memory_bytes = resources->memory_limit > 0 ? (uint64_t)resources->memory_limit : 0;
    }
    if (resources->cpu_shares != 0) {
        limits->cpu_weight = weight_of(resources->cpu_shares);
    }
    if (resources->cpu_period != 0) {
        limits->cpu_period_ns = (uint64_t)resources->cpu_period * NS_PER_US;
    }
    if (resources->cpu_quota != 0) {
        limits->cpu_quota_ns = resources->cpu_quota > 0 ? (uint64_t)resources->cpu_quota * NS_PER_US
                                                        : 0;
    }
    if (limits->cpu_quota_ns != 0 && limits->cpu_period_ns == 0) {
        limits->cpu_period_ns = (uint64_t)PERIOD_DEFAULT_US * NS_PER_US;
    }
    if (resources->pids_limit != 0) {
        limits->instance_max = resources->pids_limit > 0 ? (uint64_t)resources->pids_limit : 0;
    }
    return 0;
}
