/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers are handed out in sequence, so their low bits spread over the rows by themselves. */
#include "runtime/worker/shelf.h"

#include <stddef.h>

struct shelf_place *shelf_find(struct shelf *shelf, uint64_t number)
{
    struct shelf_place *place = NULL;

    LIST_FOREACH(place, &shelf->rows[number % SHELF_ROWS], next)
    {
        if (place->number == number) {
            break;
        }
    }
    return place;
}

void shelf_admit(struct shelf *shelf, struct shelf_place *place, uint64_t number)
{
    place->number = number;
    LIST_INSERT_HEAD(&shelf->rows[number % SHELF_ROWS], place, next);
}

void shelf_remove(struct shelf_place *place)
{
    LIST_REMOVE(place, next);
}

void shelf_each(struct shelf *shelf, void (*fn)(struct shelf_place *place))
{
    struct shelf_place *place = NULL;
    struct shelf_place *next = NULL;

    for (size_t i = 0; i < SHELF_ROWS; i++) {
        LIST_FOREACH_SAFE(place, &shelf->rows[i], next, next)
        {
            fn(place);
        }
    }
}
