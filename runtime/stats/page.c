/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STATS_SLOTS_MAX slots, each a cache line. Who has which slot is known to the
 * supervisor alone, outside of the page, where a worker cannot change it.
 */
#include "runtime/stats/page.h"

#include <assert.h>
#include <string.h>

#include "base/fault.h"
#include "runtime/stats/shared.h"

enum { WORD_BITS = 64, WORDS = STATS_SLOTS_MAX / WORD_BITS };

_Static_assert(sizeof(struct engine_counters) == 64, "a slot is a cache line");

static const char what[] = "stats page";
static const size_t page_bytes = (size_t)STATS_SLOTS_MAX * sizeof(struct engine_counters);

struct stats_page {
    struct shared shared;
    struct engine_counters *slots; /* in it */
    uint64_t taken[WORDS]; /* a bit for each slot */
    uint32_t taken_count;
};

struct stats_page *stats_page_free(own struct stats_page *page)
{
    if (page) {
        shared_fini(&page->shared);
        free(page);
    }
    return NULL;
}

int stats_page_new(own struct stats_page **ret, struct fault *why)
{
    AUTO(stats_page_free) struct stats_page *page = NEW(struct stats_page);

    TRY(shared_new(what, page_bytes, &page->shared, why));
    page->slots = (struct engine_counters *)page->shared.at;
    *ret = TAKE(page);
    return 0;
}

int stats_page_map(int memory, own struct stats_page **ret, struct fault *why)
{
    AUTO(stats_page_free) struct stats_page *page = NEW(struct stats_page);

    TRY(shared_map(memory, what, page_bytes, &page->shared, why));
    page->slots = (struct engine_counters *)page->shared.at;
    *ret = TAKE(page);
    return 0;
}

int stats_page_memory(const struct stats_page *page)
{
    return page->shared.memory;
}

int stats_page_admit(struct stats_page *page, uint32_t *ret_slot, struct fault *why)
{
    for (uint32_t word = 0; word < WORDS; word++) {
        if (page->taken[word] != UINT64_MAX) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~page->taken[word]);
            uint32_t slot = word * WORD_BITS + bit;

            page->taken[word] |= 1ULL << bit;
            page->taken_count++;
            memset(&page->slots[slot], 0, sizeof(page->slots[slot]));
            *ret_slot = slot;
            return 0;
        }
    }
    return fault(why, FAULT_LIMIT, "a worker has at most %d tasks with counters", STATS_SLOTS_MAX);
}

void stats_page_release(struct stats_page *page, uint32_t slot)
{
    uint64_t bit = 1ULL << (slot % WORD_BITS);

    assert(slot < STATS_SLOTS_MAX && (page->taken[slot / WORD_BITS] & bit) != 0);
    page->taken[slot / WORD_BITS] &= ~bit;
    page->taken_count--;
}

uint32_t stats_page_taken(const struct stats_page *page)
{
    return page->taken_count;
}

struct engine_counters *stats_page_counters(struct stats_page *page, uint32_t slot)
{
    return slot < STATS_SLOTS_MAX ? &page->slots[slot] : NULL;
}

static uint64_t load(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

void stats_page_read(const struct stats_page *page, uint32_t slot, struct engine_counters *ret)
{
    const struct engine_counters *from = &page->slots[slot];

    assert(slot < STATS_SLOTS_MAX);
    ret->cpu_ns = load(&from->cpu_ns);
    ret->memory_bytes = load(&from->memory_bytes);
    ret->memory_peak = load(&from->memory_peak);
    ret->instances = load(&from->instances);
    ret->requests = load(&from->requests);
    ret->errors = load(&from->errors);
    ret->traps = load(&from->traps);
    ret->oom = load(&from->oom);
}
