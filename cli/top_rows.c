/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both readings are in the same order, so that one walk along both finds each container again.
 * Containers of a pod are then put beside each other by sorting.
 */
#include "cli/top_rows.h"

#include <string.h>

static uint64_t since(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

/* What one container did; one that was started anew has begun at 0. */
static struct top_row row_of(const struct listed *now, const struct listed *before)
{
    static const struct listed nothing;
    bool is_in_pod = now->pod[0] != '\0';
    const struct listed *from =
        before && before->started_ms == now->started_ms ? before : &nothing;
    struct top_row row = {.space = is_in_pod ? now->pod_namespace : now->space,
                          .name = is_in_pod ? now->pod : now->id,
                          .containers = 1,
                          .cpu_ns = since(now->counters.cpu_ns, from->counters.cpu_ns),
                          .requests = since(now->counters.requests, from->counters.requests),
                          .memory_bytes = now->counters.memory_bytes,
                          .in_flight = now->counters.in_flight,
                          .instances = now->counters.instances,
                          .traps = now->counters.traps,
                          .errors = now->counters.errors,
                          .latency = now->latency};

    latency_since(&row.latency, &from->latency);
    return row;
}

static int order_by_name(const void *one, const void *other)
{
    const struct top_row *a = one;
    const struct top_row *b = other;
    int order = strcmp(a->space, b->space);

    return order != 0 ? order : strcmp(a->name, b->name);
}

static int order_by(uint64_t a, uint64_t b, const void *one, const void *other)
{
    return a != b ? (a > b ? -1 : 1) : order_by_name(one, other);
}

static int order_by_cpu(const void *one, const void *other)
{
    const struct top_row *a = one;
    const struct top_row *b = other;

    return order_by(a->cpu_ns, b->cpu_ns, a, b);
}

static int order_by_memory(const void *one, const void *other)
{
    const struct top_row *a = one;
    const struct top_row *b = other;

    return order_by(a->memory_bytes, b->memory_bytes, a, b);
}

static int order_by_requests(const void *one, const void *other)
{
    const struct top_row *a = one;
    const struct top_row *b = other;

    return order_by(a->requests, b->requests, a, b);
}

static void row_add(struct top_row *sum, const struct top_row *more)
{
    sum->containers += more->containers;
    sum->cpu_ns += more->cpu_ns;
    sum->requests += more->requests;
    sum->memory_bytes += more->memory_bytes;
    sum->in_flight += more->in_flight;
    sum->instances += more->instances;
    sum->traps += more->traps;
    sum->errors += more->errors;
    latency_add(&sum->latency, &more->latency);
}

/* Adds up rows of the same name, which lie beside each other. Return: how many are left. */
static size_t rows_join(struct top_row *rows, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && order_by_name(&rows[kept - 1], &rows[i]) == 0) {
            row_add(&rows[kept - 1], &rows[i]);
        } else {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

void top_rows_make(const struct containers *before, const struct containers *now,
                   enum top_order order, struct top_rows *ret)
{
    static int (*const orders[])(const void *, const void *) = {
        [TOP_BY_CPU] = order_by_cpu,
        [TOP_BY_MEMORY] = order_by_memory,
        [TOP_BY_REQUESTS] = order_by_requests};
    struct top_row *rows = NEW_ARRAY(now->count, struct top_row);
    size_t count = 0;
    size_t old = 0;

    for (size_t i = 0; i < now->count; i++) {
        const struct listed *listed = &now->at[i];
        bool is_known = false;

        while (old < before->count && listed_order(&before->at[old], listed) < 0) {
            old++;
        }
        is_known = old < before->count && listed_order(&before->at[old], listed) == 0;
        if (!listed->is_pause) {
            rows[count++] = row_of(listed, is_known ? &before->at[old] : NULL);
        }
    }
    qsort(rows, count, sizeof(*rows), order_by_name);
    count = rows_join(rows, count);
    qsort(rows, count, sizeof(*rows), orders[order]);
    *ret = (struct top_rows){.at = rows, .count = count};
}

void top_rows_fini(struct top_rows *rows)
{
    free(rows->at);
    *rows = (struct top_rows){.at = NULL};
}
