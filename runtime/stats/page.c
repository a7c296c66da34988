/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two arrays of STATS_SLOTS_MAX slots: counters, and behind all of them latencies, because most
 * tasks never touch theirs. Slots are whole cache lines. Who has which slot is known to the
 * supervisor alone, outside of the page, where a worker cannot change it.
 *
 * A page of a memfd comes into being when it is read, too, so latencies are left alone wherever
 * the counters say that there were no requests.
 */
#include "runtime/stats/page.h"

#include <assert.h>
#include <string.h>

#include "base/fault.h"
#include "runtime/stats/shared.h"

enum { WORD_BITS = 64, WORDS = STATS_SLOTS_MAX / WORD_BITS, LINE = 64 };

union counters_slot {
    struct engine_counters counters;
    uint8_t room[2 * LINE];
};

union latency_slot {
    struct engine_latency latency;
    uint8_t room[6 * LINE];
};

_Static_assert(sizeof(union counters_slot) == 2 * LINE, "counters fit into their slot");
_Static_assert(sizeof(union latency_slot) == 6 * LINE, "latencies fit into their slot");

static const char what[] = "stats page";

struct slots {
    union counters_slot counters[STATS_SLOTS_MAX];
    union latency_slot latency[STATS_SLOTS_MAX];
};

struct stats_page {
    struct shared shared;
    struct slots *slots; /* in it */
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

    TRY(shared_new(what, sizeof(struct slots), &page->shared, why));
    page->slots = (struct slots *)page->shared.at;
    *ret = TAKE(page);
    return 0;
}

int stats_page_map(int memory, own struct stats_page **ret, struct fault *why)
{
    AUTO(stats_page_free) struct stats_page *page = NEW(struct stats_page);

    TRY(shared_map(memory, what, sizeof(struct slots), &page->shared, why));
    page->slots = (struct slots *)page->shared.at;
    *ret = TAKE(page);
    return 0;
}

int stats_page_memory(const struct stats_page *page)
{
    return page->shared.memory;
}

static void slot_clear(struct slots *slots, uint32_t slot)
{
    if (slots->counters[slot].counters.requests != 0) {
        memset(&slots->latency[slot], 0, sizeof(slots->latency[slot]));
    }
    memset(&slots->counters[slot], 0, sizeof(slots->counters[slot]));
}

int stats_page_admit(struct stats_page *page, uint32_t *ret_slot, struct fault *why)
{
    for (uint32_t word = 0; word < WORDS; word++) {
        if (page->taken[word] != UINT64_MAX) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~page->taken[word]);
            uint32_t slot = word * WORD_BITS + bit;

            page->taken[word] |= 1ULL << bit;
            page->taken_count++;
            slot_clear(page->slots, slot);
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
    return slot < STATS_SLOTS_MAX ? &page->slots->counters[slot].counters : NULL;
}

struct engine_latency *stats_page_latency(struct stats_page *page, uint32_t slot)
{
    return slot < STATS_SLOTS_MAX ? &page->slots->latency[slot].latency : NULL;
}

static uint64_t load(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

void stats_page_read(const struct stats_page *page, uint32_t slot, struct engine_counters *ret)
{
    const struct engine_counters *from = &page->slots->counters[slot].counters;

    assert(slot < STATS_SLOTS_MAX);
#define COUNTER(name, ...) ret->name = load(&from->name);
#include "runtime/engine/counters.def"
#undef COUNTER
}

bool stats_page_read_latency(const struct stats_page *page, uint32_t slot,
                             struct engine_latency *ret)
{
    const struct engine_latency *from = &page->slots->latency[slot].latency;

    assert(slot < STATS_SLOTS_MAX);
    if (load(&page->slots->counters[slot].counters.requests) == 0) {
        return false;
    }
    ret->sum_ns = load(&from->sum_ns);
    for (size_t i = 0; i < ENGINE_LATENCY_BUCKETS; i++) {
        ret->buckets[i] = load(&from->buckets[i]);
    }
    return true;
}
