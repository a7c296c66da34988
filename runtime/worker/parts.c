/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/worker/parts.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/fd.h"

int parts_add(struct shelf *shelf, const struct message_part *message, int *fds, size_t count,
              struct fault *why)
{
    struct shelf_place *place = shelf_find(shelf, message->task);
    struct parts *parts = place ? OWNER_OF(place, struct parts, place) : NULL;
    struct part *part = NULL;

    if (parts && parts->count == MESSAGE_PARTS_MAX) {
        return fault(why, FAULT_LIMIT, "a composition has at most %d parts besides its entry",
                     MESSAGE_PARTS_MAX);
    }
    if (!parts) {
        parts = NEW(struct parts);
        shelf_admit(shelf, &parts->place, message->task);
    }
    part = NEW(struct part);
    part->message = *message;
    part->count = count;
    for (size_t i = 0; i < count; i++) {
        part->fds[i] = fds[i];
        fds[i] = -1;
    }
    parts->items[parts->count++] = part;
    return 0;
}

own struct parts *parts_take(struct shelf *shelf, uint64_t task)
{
    struct shelf_place *place = shelf_find(shelf, task);

    if (!place) {
        return NULL;
    }
    shelf_remove(place);
    return OWNER_OF(place, struct parts, place);
}

struct parts *parts_free(own struct parts *parts)
{
    if (!parts) {
        return NULL;
    }
    for (size_t i = 0; i < parts->count; i++) {
        struct part *part = parts->items[i];

        for (size_t k = 0; k < part->count; k++) {
            (void)fd_close(part->fds[k]);
        }
        free(part);
    }
    free(parts);
    return NULL;
}

static void forget(struct shelf_place *place)
{
    shelf_remove(place);
    (void)parts_free(OWNER_OF(place, struct parts, place));
}

void parts_free_all(struct shelf *shelf)
{
    shelf_each(shelf, forget);
}
