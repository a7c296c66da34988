/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shelves: objects by the number that the supervisor gave them.
 *
 * Belongs here: finding, admitting, removing; the objects embed their place.
 * Does not belong here: what the objects are (components, tasks).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

enum { SHELF_ROWS = 8192 };

struct shelf_place {
    LIST_ENTRY(shelf_place) next;
    uint64_t number;
};

LIST_HEAD(shelf_row, shelf_place);

struct shelf {
    struct shelf_row rows[SHELF_ROWS];
};

/* Return: the place with that number, or NULL. */
struct shelf_place *shelf_find(struct shelf *shelf, uint64_t number);
/* The number must not be there yet. */
void shelf_admit(struct shelf *shelf, struct shelf_place *place, uint64_t number);
void shelf_remove(struct shelf_place *place);
/* Calls @fn for each; it may remove and free the one that it is called for. */
void shelf_each(struct shelf *shelf, void (*fn)(struct shelf_place *place));
