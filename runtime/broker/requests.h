/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: the table of what a worker may ask, and the buckets that say how often.
 *
 * Belongs here: requests.def as values, counting.
 * Does not belong here: what a request makes happen (sockets.h, runtime/supervisor).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum request {
#define REQUEST(NAME, phases, rate, burst) REQUEST_##NAME,
#include "runtime/broker/requests.def"
#undef REQUEST
};

enum request_phase { REQUEST_GREETING = 1, REQUEST_SERVING = 2 };

/* How often: @rate a second, @burst at once. */
struct request_rate {
    uint32_t rate; /* 0: without bound */
    uint32_t burst;
};

/* A row's rate. Thread: any. */
struct request_rate request_rate(enum request request);

/* Whether a request may come in a phase. Thread: any. */
bool request_fits(enum request request, enum request_phase phase);

/* What is left of a burst; zero-initialised, it is full at its first use. */
struct request_bucket {
    uint64_t used_ns; /* of the burst, as time that refills it */
    uint64_t seen_ns;
};

/**
 * request_take() - one more request
 * @bucket: of one asker
 * @rate:   how often
 * @now_ns: clock_now_ns(), not before the last one
 *
 * Return: 0 when it may, else nanoseconds until the next may (nothing is taken then).
 */
uint64_t request_take(struct request_bucket *bucket, struct request_rate rate, uint64_t now_ns);
