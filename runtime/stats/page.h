/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stats page: the counters of all tasks of a worker, in memory that both sides map.
 *
 * The supervisor makes it and keeps it over the worker's death; the worker gets a descriptor. Its
 * size is fixed and sealed, so a hostile worker can write nonsense into its own tasks' numbers,
 * but cannot make a reader fail. Memory that no slot has touched costs nothing.
 *
 * Belongs here: the page, its slots, who has which.
 * Does not belong here: what a counter means (runtime/engine/counters.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "runtime/engine/counters.h"

struct fault;
struct stats_page;

enum { STATS_SLOTS_MAX = 65536 };

/* The supervisor's: a new page. Return: 0 or negative. */
int stats_page_new(own struct stats_page **ret, struct fault *why) MUST_USE;

/**
 * stats_page_map() - the worker's: map a page that came as a descriptor
 * @memory: borrowed for the call
 * @ret:    the page, without admission
 * @why:    FAULT_INVALID when it is no such page
 *
 * Return: 0 or negative.
 */
int stats_page_map(int memory, own struct stats_page **ret, struct fault *why) MUST_USE;

/* Unmaps; counters borrowed from it are gone. NULL in, NULL out. */
struct stats_page *stats_page_free(own struct stats_page *page);
DEFINE_AUTO(struct stats_page *, stats_page_free)

/* The descriptor to hand to a worker, borrowed. Only of stats_page_new(). */
int stats_page_memory(const struct stats_page *page);

/**
 * stats_page_admit() - take a free slot and zero it
 * @page:     from stats_page_new()
 * @ret_slot: below STATS_SLOTS_MAX; the lowest that is free
 * @why:      FAULT_LIMIT when all are taken
 *
 * Return: 0 or negative.
 */
int stats_page_admit(struct stats_page *page, uint32_t *ret_slot, struct fault *why) MUST_USE;

/* Give a slot back, once nobody counts in it any more. */
void stats_page_release(struct stats_page *page, uint32_t slot);

/* How many slots are taken. */
uint32_t stats_page_taken(const struct stats_page *page);

/* The worker's: where to count. NULL when @slot is not below STATS_SLOTS_MAX. Thread: any. */
struct engine_counters *stats_page_counters(struct stats_page *page, uint32_t slot);
struct engine_latency *stats_page_latency(struct stats_page *page, uint32_t slot);

/**
 * stats_page_read() - a copy of the counters of a slot, each read by itself
 * @page: either side's
 * @slot: below STATS_SLOTS_MAX
 * @ret:  the copy
 *
 * Thread: any.
 */
void stats_page_read(const struct stats_page *page, uint32_t slot, struct engine_counters *ret);

/**
 * stats_page_read_latency() - the same of how long requests took
 * @page: either side's
 * @slot: below STATS_SLOTS_MAX
 * @ret:  the copy
 *
 * Thread: any. Return: whether there were requests; @ret is untouched if not.
 */
bool stats_page_read_latency(const struct stats_page *page, uint32_t slot,
                             struct engine_latency *ret) MUST_USE;
