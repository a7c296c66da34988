/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks: monotonic nanoseconds for deadlines, wall time for what people and containerd read.
 *
 * Belongs here: reading clocks. Does not belong here: waiting (base/loop has timers).
 */
#pragma once

#include <stdint.h>

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL

/* Wall time, as google.protobuf.Timestamp counts it. */
struct wall_time {
    int64_t seconds;
    int32_t nanos;
};

/**
 * clock_now_ns() - nanoseconds of CLOCK_MONOTONIC
 *
 * Return: now. Thread: any.
 */
uint64_t clock_now_ns(void);

/**
 * clock_wall() - the time of day
 *
 * Return: now, since 1970, UTC. Thread: any.
 */
struct wall_time clock_wall(void);
