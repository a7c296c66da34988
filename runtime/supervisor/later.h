/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Later: calls that wait for the next turn of the loop, so that no callback of this room runs
 * from inside a call into it.
 *
 * Belongs here: the queue. An item is embedded in its owner, which removes it before it goes.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"

struct laters;

/* Zero-initialise, then set fn and owner. */
struct later {
    TAILQ_ENTRY(later) next;
    loop_fn *fn;
    void *owner;
    uint64_t turn; /* when it was added; 0: does not wait */
};

own struct laters *laters_new(struct loop *loop) MUST_USE;
struct laters *laters_free(own struct laters *laters); /* NULL in, NULL out; forgets all items */
DEFINE_AUTO(struct laters *, laters_free)

/* Calls item->fn once, soon; an item that waits already stays where it is. */
void laters_add(struct laters *laters, struct later *item);
/* Without effect when it does not wait. */
void laters_remove(struct laters *laters, struct later *item);
