/* SPDX-License-Identifier: Apache-2.0 */
#include "test/bench/drive/samples.h"

#include <stdio.h>

#include "test/bench/drive/wire.h"

void samples_add(struct samples *samples, uint64_t ns)
{
    if (samples->count == samples->room) {
        samples->room = samples->room == 0 ? 256 : samples->room * 2;
        samples->at = realloc(samples->at, samples->room * sizeof(*samples->at));
        if (!samples->at) {
            die("out of memory");
        }
    }
    samples->at[samples->count++] = ns;
}

static int by_size(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one;
    uint64_t b = *(const uint64_t *)other;

    return a < b ? -1 : (a > b ? 1 : 0);
}

static double share(const struct samples *samples, double part)
{
    size_t at = (size_t)(part * (double)samples->count);

    return (double)samples->at[at < samples->count ? at : samples->count - 1] / 1000.0;
}

void samples_print(struct samples *samples, const char *name)
{
    if (samples->count > 0) {
        qsort(samples->at, samples->count, sizeof(*samples->at), by_size);
        (void)printf(" %s_p50_us=%.1f %s_p95_us=%.1f %s_p99_us=%.1f %s_max_us=%.1f", name,
                     share(samples, 0.5), name, share(samples, 0.95), name, share(samples, 0.99),
                     name, share(samples, 1.0));
    }
}

void samples_fini(struct samples *samples)
{
    free(samples->at);
    *samples = (struct samples){0};
}
