/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/graph.h"

#include <string.h>

#include "base/json.h"
#include "runtime/compose/slot.h"

static bool is_bound(const struct plan *plan, size_t part, const char *import)
{
    for (size_t i = 0; i < plan->edges_count; i++) {
        if (plan->edges[i].consumer == part && strcmp(plan->edges[i].import, import) == 0) {
            return true;
        }
    }
    return false;
}

static void asks_add(struct graph_asks *asks, const char *word)
{
    for (size_t i = 0; i < asks->count; i++) {
        if (strcmp(asks->words[i], word) == 0) {
            return;
        }
    }
    if (asks->count == GRAPH_ASKS_MAX) {
        asks->more++;
    } else {
        asks->words[asks->count++] = word;
    }
}

struct graph_asks graph_asks_of(const struct plan_scene *scene, const struct plan *plan, size_t part)
{
    const struct node *imports = scene->candidates[plan->parts[part]].imports;
    struct graph_asks asks = {.count = 0};

    for (size_t i = 0; i < node_count(imports); i++) {
        const char *import = node_string(node_item(imports, i));
        const char *word = import && !is_bound(plan, part, import) ? slot_gives(import) : NULL;

        if (word) {
            asks_add(&asks, word);
        }
    }
    return asks;
}

void graph_open_of(const struct plan_scene *scene, const struct plan *plan, size_t part,
                   graph_open_fn *fn, void *owner)
{
    const struct node *unknown = scene->candidates[plan->parts[part]].unknown;

    for (size_t i = 0; i < node_count(unknown); i++) {
        const char *import = node_string(node_item(unknown, i));

        if (import && !is_bound(plan, part, import)) {
            fn(owner, import);
        }
    }
}

const char *graph_tier_words(enum plan_tier tier)
{
    switch (tier) {
    case PLAN_LINKED:
        return "linked by annotation";
    case PLAN_LAYER:
        return "platform layer";
    case PLAN_CONTAINER:
    default:
        return "";
    }
}

static void print_open(void *owner, const char *import)
{
    buf_print((struct buf *)owner, "  imports %s from nobody: it is missing\n", import);
}

static void print_asks(const struct graph_asks *asks, size_t slot, struct buf *out)
{
    buf_print(out, "  slot %zu asks for ", slot);
    for (size_t i = 0; i < asks->count; i++) {
        buf_print(out, "%s%s", i == 0 ? "" : ", ", asks->words[i]);
    }
    if (asks->more > 0) {
        buf_print(out, " and %zu more", asks->more);
    }
    buf_print(out, "%s\n", asks->count == 0 ? "nothing" : "");
}

static void print_edges(const struct plan_scene *scene, const struct plan *plan, size_t part,
                        struct buf *out)
{
    for (size_t i = 0; i < plan->edges_count; i++) {
        const struct plan_edge *edge = &plan->edges[i];

        if (edge->consumer != part) {
            continue;
        }
        buf_print(out, "  imports %s from %s", edge->import,
                  scene->candidates[plan->parts[edge->provider]].name);
        if (strcmp(edge->import, edge->export) != 0) {
            buf_print(out, ", which has %s", edge->export);
        }
        buf_print(out, "\n");
    }
}

void graph_print_text(const struct plan_scene *scene, const struct plan *plan, struct buf *out)
{
    for (size_t part = 0; part < plan->count; part++) {
        const struct plan_candidate *candidate = &scene->candidates[plan->parts[part]];
        const struct graph_asks asks = graph_asks_of(scene, plan, part);
        const char *tier = graph_tier_words(candidate->tier);

        buf_print(out, "%s%s%s%s\n", candidate->name, tier[0] != '\0' ? " (" : "", tier,
                  tier[0] != '\0' ? ")" : "");
        print_edges(scene, plan, part, out);
        graph_open_of(scene, plan, part, print_open, out);
        print_asks(&asks, part, out);
    }
}
