/* SPDX-License-Identifier: Apache-2.0 */
/* Two vDSO calls. */
#include "base/clock.h"

#include <time.h>

uint64_t clock_now_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

struct wall_time clock_wall(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (struct wall_time){.seconds = now.tv_sec, .nanos = (int32_t)now.tv_nsec};
}
