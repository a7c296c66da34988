/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn serves what waited when it began; what is added meanwhile waits for the next one, so
 * that two owners who call each other cannot keep the loop.
 */
#include "runtime/supervisor/later.h"

struct laters {
    struct loop_turn *asked;
    TAILQ_HEAD(, later) items;
    uint64_t turn; /* of items that are added now */
};

static void turn_run(void *owner)
{
    struct laters *laters = (struct laters *)owner;
    uint64_t turn = laters->turn++;
    struct later *item = TAILQ_FIRST(&laters->items);

    while (item && item->turn <= turn) {
        laters_remove(laters, item);
        item->fn(item->owner);
        item = TAILQ_FIRST(&laters->items);
    }
}

own struct laters *laters_new(struct loop *loop)
{
    struct laters *laters = NEW(struct laters);

    TAILQ_INIT(&laters->items);
    laters->turn = 1;
    laters->asked = loop_turn_new(loop, turn_run, laters);
    return laters;
}

struct laters *laters_free(own struct laters *laters)
{
    if (laters) {
        laters->asked = loop_turn_free(laters->asked);
        free(laters);
    }
    return NULL;
}

void laters_add(struct laters *laters, struct later *item)
{
    if (item->turn == 0) {
        item->turn = laters->turn;
        TAILQ_INSERT_TAIL(&laters->items, item, next);
        loop_turn_ask(laters->asked);
    }
}

void laters_remove(struct laters *laters, struct later *item)
{
    if (item->turn != 0) {
        item->turn = 0;
        TAILQ_REMOVE(&laters->items, item, next);
    }
}
