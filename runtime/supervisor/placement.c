/* SPDX-License-Identifier: Apache-2.0 */
/* A worker that ends keeps its place until its process is gone; its domain gets a new one. */
#include "runtime/supervisor/placement.h"

#include <bsd/sys/queue.h>
#include <string.h>

struct place {
    TAILQ_ENTRY(place) link;
    struct placement *placement;
    own char *domain;
    own struct worker_process *worker;
    bool is_ending;
};

struct placement {
    struct worker_process_plan plan;
    own char *program;
    own char *accept;
    TAILQ_HEAD(, place) places;
};

own struct placement *placement_new(const struct worker_process_plan *plan)
{
    struct placement *placement = NEW(struct placement);

    placement->plan = *plan;
    placement->program = COPY_TEXT(plan->program);
    placement->plan.program = placement->program;
    placement->accept = COPY_TEXT(plan->accept ? plan->accept : "");
    placement->plan.accept = placement->accept;
    TAILQ_INIT(&placement->places);
    return placement;
}

static void place_remove(struct place *place)
{
    TAILQ_REMOVE(&place->placement->places, place, link);
    (void)worker_process_free(place->worker);
    free(place->domain);
    free(place);
}

struct placement *placement_free(own struct placement *placement)
{
    if (placement) {
        while (!TAILQ_EMPTY(&placement->places)) {
            place_remove(TAILQ_FIRST(&placement->places));
        }
        free(placement->program);
        free(placement->accept);
        free(placement);
    }
    return NULL;
}

static void on_ending(void *owner)
{
    struct place *place = (struct place *)owner;

    place->is_ending = true;
}

static void on_gone(void *owner)
{
    place_remove((struct place *)owner);
}

int placement_worker(struct placement *placement, const char *domain, struct worker_process **ret,
                     struct fault *why)
{
    static const struct worker_process_events events = {.on_ending = on_ending, .on_gone = on_gone};
    struct place *place = NULL;
    struct worker_process_plan plan = placement->plan;
    struct worker_process *worker = NULL;

    TAILQ_FOREACH (place, &placement->places, link) {
        if (!place->is_ending && strcmp(place->domain, domain) == 0) {
            *ret = place->worker;
            return 0;
        }
    }
    place = NEW(struct place);
    plan.domain = domain;
    if (worker_process_new(&plan, &events, place, &worker, why) < 0) {
        free(place);
        return -1;
    }
    place->placement = placement;
    place->domain = COPY_TEXT(domain);
    place->worker = worker;
    TAILQ_INSERT_TAIL(&placement->places, place, link);
    *ret = worker;
    return 0;
}
