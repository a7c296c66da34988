/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All reservations live equally long, so the queue is in the order of expiry and one timer, set
 * for the first, is enough. A tree beside the queue finds one by name.
 */
#include "shim/pod/reservation.h"

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/loop.h"
#include "runtime/spec/spec.h"
#include "shim/pod/finding.h"

struct entry {
    RB_ENTRY(entry) in_tree;
    TAILQ_ENTRY(entry) in_queue;
    char namespace_id[IDENTIFIER_MAX + 1];
    char id[IDENTIFIER_MAX + 1];
    struct reservation *reservation;
    uint64_t expires_ns;
};

RB_HEAD(entry_tree, entry);
TAILQ_HEAD(entry_queue, entry);

struct reservations {
    struct loop_timer *timer;
    struct entry_tree tree;
    struct entry_queue queue;
    size_t count;
};

static int entry_order(const struct entry *a, const struct entry *b)
{
    int order = strcmp(a->namespace_id, b->namespace_id);

    return order != 0 ? order : strcmp(a->id, b->id);
}

RB_PROTOTYPE_INTERNAL(entry_tree, entry, in_tree, entry_order, UNUSED static)
RB_GENERATE_INTERNAL(entry_tree, entry, in_tree, entry_order, UNUSED static)

struct reservation *reservation_free(own struct reservation *reservation)
{
    if (reservation) {
        reservation->spec = spec_free(reservation->spec);
        reservation->finding = finding_free(reservation->finding);
        free(reservation);
    }
    return NULL;
}

static own struct reservation *entry_remove(struct reservations *all, struct entry *entry)
{
    struct reservation *reservation = entry->reservation;

    (void)RB_REMOVE(entry_tree, &all->tree, entry);
    TAILQ_REMOVE(&all->queue, entry, in_queue);
    all->count--;
    free(entry);
    return reservation;
}

static void timer_set(struct reservations *all)
{
    const struct entry *first = TAILQ_FIRST(&all->queue);
    uint64_t now = clock_now_ns();

    if (!first) {
        loop_timer_stop(all->timer);
    } else {
        loop_timer_set(all->timer, first->expires_ns > now ? first->expires_ns - now : 0);
    }
}

static void expire(void *owner)
{
    struct reservations *all = owner;
    uint64_t now = clock_now_ns();
    struct entry *first = NULL;

    while ((first = TAILQ_FIRST(&all->queue)) != NULL && first->expires_ns <= now) {
        (void)reservation_free(entry_remove(all, first));
    }
    timer_set(all);
}

own struct reservations *reservations_new(struct loop *loop)
{
    struct reservations *all = NEW(struct reservations);

    RB_INIT(&all->tree);
    TAILQ_INIT(&all->queue);
    all->timer = loop_timer_new(loop, expire, all);
    return all;
}

struct reservations *reservations_free(own struct reservations *all)
{
    struct entry *first = NULL;

    if (all) {
        while ((first = TAILQ_FIRST(&all->queue)) != NULL) {
            (void)reservation_free(entry_remove(all, first));
        }
        all->timer = loop_timer_free(all->timer);
        free(all);
    }
    return NULL;
}

static struct entry *entry_find(struct reservations *all, const char *namespace_id, const char *id)
{
    struct entry key = {0};
    size_t space = strlen(namespace_id);
    size_t length = strlen(id);

    if (space > IDENTIFIER_MAX || length > IDENTIFIER_MAX) {
        return NULL;
    }
    memcpy(key.namespace_id, namespace_id, space);
    memcpy(key.id, id, length);
    return RB_FIND(entry_tree, &all->tree, &key);
}

int reservations_put(struct reservations *all, const char *namespace_id, const char *id,
                     own struct reservation *reservation, struct fault *why)
{
    struct entry *entry = entry_find(all, namespace_id, id);

    if (entry) {
        (void)reservation_free(entry_remove(all, entry));
    }
    if (all->count >= RESERVATIONS_MAX) {
        return fault(why, FAULT_LIMIT, "%d containers were announced and never created",
                     RESERVATIONS_MAX);
    }
    entry = NEW(struct entry);
    (void)snprintf(entry->namespace_id, sizeof(entry->namespace_id), "%s", namespace_id);
    (void)snprintf(entry->id, sizeof(entry->id), "%s", id);
    entry->reservation = reservation;
    entry->expires_ns = clock_now_ns() + (uint64_t)RESERVATION_SECONDS * NS_PER_S;
    (void)RB_INSERT(entry_tree, &all->tree, entry);
    TAILQ_INSERT_TAIL(&all->queue, entry, in_queue);
    all->count++;
    timer_set(all);
    return 0;
}

own struct reservation *reservations_take(struct reservations *all, const char *namespace_id,
                                          const char *id)
{
    struct entry *entry = entry_find(all, namespace_id, id);
    struct reservation *reservation = entry ? entry_remove(all, entry) : NULL;

    if (entry) {
        timer_set(all);
    }
    return reservation;
}

size_t reservations_count(const struct reservations *all)
{
    return all->count;
}
