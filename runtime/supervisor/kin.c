/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of pods are found by name at each Create: a tree. One without runs is forgotten. */
#include "runtime/supervisor/kin.h"

#include <bsd/sys/tree.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/supervisor/later.h"

TAILQ_HEAD(place_list, kin_place);

struct kin {
    RB_ENTRY(kin) in_tree;
    struct kins *kins;
    own char *pod;
    struct place_list places;
    unsigned providers;
};

RB_HEAD(kin_tree, kin);

struct kins {
    struct laters *laters;
    struct kin_tree all;
};

static int kin_order(const struct kin *a, const struct kin *b)
{
    return strcmp(a->pod, b->pod);
}

RB_PROTOTYPE_INTERNAL(kin_tree, kin, in_tree, kin_order, UNUSED static)
RB_GENERATE_INTERNAL(kin_tree, kin, in_tree, kin_order, UNUSED static)

own struct kins *kins_new(struct laters *laters)
{
    struct kins *kins = NEW(struct kins);

    kins->laters = laters;
    RB_INIT(&kins->all);
    return kins;
}

struct kins *kins_free(own struct kins *kins)
{
    free(kins);
    return NULL;
}

void kin_join(struct kins *kins, const char *pod, struct kin_place *place)
{
    struct kin wanted = {.pod = (char *)(uintptr_t)pod};
    struct kin *kin = RB_FIND(kin_tree, &kins->all, &wanted);

    if (!kin) {
        kin = NEW(struct kin);
        kin->kins = kins;
        kin->pod = COPY_TEXT(pod);
        TAILQ_INIT(&kin->places);
        (void)RB_INSERT(kin_tree, &kins->all, kin);
    }
    place->kin = kin;
    TAILQ_INSERT_TAIL(&kin->places, place, link);
}

static void wake_all(struct kin *kin)
{
    struct kin_place *place = NULL;

    TAILQ_FOREACH (place, &kin->places, link) {
        if (place->wake) {
            laters_add(kin->kins->laters, place->wake);
        }
    }
}

void kin_leave(struct kin_place *place)
{
    struct kin *kin = place->kin;

    if (!kin) {
        return;
    }
    TAILQ_REMOVE(&kin->places, place, link);
    place->kin = NULL;
    if (place->provides) {
        place->provides = false;
        kin->providers--;
        wake_all(kin);
    }
    if (TAILQ_EMPTY(&kin->places)) {
        (void)RB_REMOVE(kin_tree, &kin->kins->all, kin);
        free(kin->pod);
        free(kin);
    }
}

bool kin_provide(struct kin_place *place)
{
    if (!place->kin || place->kin->providers == KIN_PROVIDERS_MAX) {
        return false;
    }
    place->provides = true;
    place->kin->providers++;
    wake_all(place->kin);
    return true;
}

struct kin_place *kin_provider(const struct kin_place *place, struct kin_place *after)
{
    struct kin_place *next = NULL;

    if (!place->kin) {
        return NULL;
    }
    next = after ? TAILQ_NEXT(after, link) : TAILQ_FIRST(&place->kin->places);
    while (next && !next->provides) {
        next = TAILQ_NEXT(next, link);
    }
    return next;
}
