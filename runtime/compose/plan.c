/* SPDX-License-Identifier: Apache-2.0 */
/* Breadth first from the entry; what is met first gets the lower number. */
#include "runtime/compose/plan.h"

#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"
#include "runtime/compose/offers.h"
#include "runtime/compose/slot.h"

enum { RING_WORDS_MAX = 280 };

static const char *part_name(const struct plan *plan, const struct plan_scene *scene, size_t part)
{
    return scene->candidates[plan->parts[part]].name;
}

static int check_names(const struct plan_candidate *candidate, const struct node *names,
                       const char *does, struct fault *why)
{
    for (size_t i = 0; i < node_count(names); i++) {
        const char *name = node_string(node_item(names, i));

        if (name && slot_is_name(name)) {
            return fault(why, FAULT_INVALID,
                         "%.60s %s %.200s: names of the form cN-… are the host's own",
                         candidate->name, does, name);
        }
    }
    return 0;
}

/* Makes a candidate a part, if it is none yet. */
static int add_part(struct plan *plan, const struct plan_scene *scene, size_t candidate,
                    size_t *ret, struct fault *why)
{
    const struct plan_candidate *added = &scene->candidates[candidate];

    for (*ret = 0; *ret < plan->count; (*ret)++) {
        if (plan->parts[*ret] == candidate) {
            return 0;
        }
    }
    if (plan->count == PLAN_PARTS_MAX) {
        return fault(why, FAULT_LIMIT,
                     "%.60s would be linked with more than %d components, of which %.60s is one",
                     part_name(plan, scene, 0), PLAN_PARTS_MAX, added->name);
    }
    TRY(check_names(added, added->imports, "imports", why));
    TRY(check_names(added, added->exports, "exports", why));
    plan->parts[plan->count++] = candidate;
    return 0;
}

static int add_edge(struct plan *plan, const struct plan_edge *edge, struct fault *why)
{
    if (plan->edges_count == PLAN_EDGES_MAX) {
        return fault(why, FAULT_LIMIT, "the components of one container have more than %d links",
                     PLAN_EDGES_MAX);
    }
    plan->edges[plan->edges_count++] = *edge;
    return 0;
}

static int edge_order(const void *a, const void *b)
{
    const struct plan_edge *one = (const struct plan_edge *)a;
    const struct plan_edge *two = (const struct plan_edge *)b;

    return strcmp(one->import, two->import);
}

/* Binds all imports of one part. */
static int follow(struct plan *plan, const struct offers *offers, size_t part, struct fault *why)
{
    const struct plan_scene *scene = offers->scene;
    const struct node *imports = scene->candidates[plan->parts[part]].imports;
    size_t first = plan->edges_count;

    for (size_t i = 0; i < node_count(imports); i++) {
        struct plan_edge edge = {.consumer = part, .import = node_string(node_item(imports, i))};
        const struct offer *offer = NULL;
        int found;

        if (!edge.import) {
            continue;
        }
        found = offers_find(offers, plan->parts[part], edge.import, &offer, why);
        if (found < 0) {
            return found;
        }
        if (found == OFFERS_FOUND) {
            edge.export = offer->name;
            TRY(add_part(plan, scene, offer->candidate, &edge.provider, why));
            TRY(add_edge(plan, &edge, why));
        }
    }
    qsort(plan->edges + first, plan->edges_count - first, sizeof(plan->edges[0]), edge_order);
    return 0;
}

enum color { NEW_PART, OPEN_PART, DONE_PART };

struct walk {
    const struct plan *plan;
    enum color colors[PLAN_PARTS_MAX];
    const struct plan_edge *path[PLAN_PARTS_MAX];
    size_t depth;
};

/* Walks along the links; the path ends in a ring when the result is true. Depth: PLAN_PARTS_MAX. */
static bool leads_into_ring(struct walk *walk, size_t part)
{
    const struct plan *plan = walk->plan;

    walk->colors[part] = OPEN_PART;
    for (size_t i = 0; i < plan->edges_count; i++) {
        const struct plan_edge *edge = &plan->edges[i];

        if (edge->consumer != part || walk->colors[edge->provider] == DONE_PART) {
            continue;
        }
        walk->path[walk->depth++] = edge;
        if (walk->colors[edge->provider] == OPEN_PART || leads_into_ring(walk, edge->provider)) {
            return true;
        }
        walk->depth--;
    }
    walk->colors[part] = DONE_PART;
    return false;
}

static int check_rings(const struct plan *plan, const struct plan_scene *scene, struct fault *why)
{
    struct walk walk = {.plan = plan};
    AUTO(buf_fini) struct buf words = BUF(RING_WORDS_MAX);
    size_t first = 0;
    size_t start;

    if (!leads_into_ring(&walk, 0)) {
        return 0;
    }
    start = walk.path[walk.depth - 1]->provider;
    while (walk.path[first]->consumer != start) {
        first++;
    }
    buf_print(&words, "%.60s", part_name(plan, scene, start));
    for (size_t i = first; i < walk.depth; i++) {
        buf_print(&words, " imports %.80s from %.60s%s", walk.path[i]->import,
                  part_name(plan, scene, walk.path[i]->provider),
                  i + 1 < walk.depth ? ", which" : "");
    }
    return fault(why, FAULT_STATE, "the imports form a ring: %.*s%s", (int)words.length,
                 (const char *)words.data, words.overflow ? " …" : "");
}

int plan_make(const struct plan_scene *scene, size_t entry, own struct plan **ret,
              struct fault *why)
{
    AUTO(plan_free) struct plan *plan = NEW(struct plan);
    AUTO(offers_free) struct offers *offers = NULL;
    size_t part = 0;

    plan->edges = NEW_ARRAY(PLAN_EDGES_MAX, struct plan_edge);
    TRY(offers_new(scene, &offers, why));
    TRY(add_part(plan, scene, entry, &part, why));
    for (part = 0; part < plan->count; part++) {
        TRY(follow(plan, offers, part, why));
    }
    TRY(check_rings(plan, scene, why));
    *ret = TAKE(plan);
    return 0;
}

struct plan *plan_free(own struct plan *plan)
{
    if (plan) {
        free(plan->edges);
        free(plan);
    }
    return NULL;
}
