/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kin: the runs of one pod, of which some provide what others import.
 *
 * Belongs here: who is there, and telling those who wait that another one came.
 * Does not belong here: what is linked with what (link.h).
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdbool.h>

#include "base/attr.h"

struct kin;
struct kins;
struct later;
struct laters;
struct run;

enum { KIN_PROVIDERS_MAX = 255 }; /* of one pod */

/* A place among the runs of a pod; embedded. Rests at zeros. */
struct kin_place {
    TAILQ_ENTRY(kin_place) link;
    struct kin *kin; /* NULL: in no pod */
    struct run *run;
    bool provides;
    struct later *wake; /* of one that waits for providers; NULL: does not */
};

own struct kins *kins_new(struct laters *laters) MUST_USE;
struct kins *kins_free(own struct kins *kins); /* NULL in, NULL out; all have left */
DEFINE_AUTO(struct kins *, kins_free)

/* It is of that pod from now on. */
void kin_join(struct kins *kins, const char *pod, struct kin_place *place);
/* Without effect when it is in none. Those who wait are told of a provider that goes, too. */
void kin_leave(struct kin_place *place);

/* It provides from now on; false where there are too many. Tells those who wait. */
bool kin_provide(struct kin_place *place) MUST_USE;

/* The next provider of the same pod, in the order of coming; @after NULL: the first. */
struct kin_place *kin_provider(const struct kin_place *place, struct kin_place *after);
