/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptions of components, as a compiler that lies would write them: a JSON list, each with its
 * "tier" and "name", and the lists of a description. A plan keeps to its rules, and its recipe is a
 * line for each part and link, of the words that the compiler counts.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"
#include "runtime/compose/plan.h"
#include "runtime/compose/recipe.h"

enum { DESCRIPTIONS_BYTES_MAX = 64 * 1024, PART_SPACES = 2, EDGE_SPACES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(const struct node *node, struct plan_candidate *ret)
{
    const char *name = node_string(node_member(node, "name"));
    int64_t tier = 0;

    (void)node_integer(node_member(node, "tier"), &tier);
    *ret = (struct plan_candidate){
        .name = name ? name : "",
        .tier = tier == 1 ? PLAN_LINKED : tier == 2 ? PLAN_LAYER : PLAN_CONTAINER,
        .digest = "D",
        .imports = node_member(node, "imports"),
        .exports = node_member(node, "exports"),
        .unknown = node_member(node, "unknown"),
        .hints = node_member(node, "hints"),
    };
}

static void check_plan(const struct plan_scene *scene, const struct plan *plan)
{
    assert(plan->count >= 1 && plan->count <= PLAN_PARTS_MAX && plan->parts[0] == 0);
    for (size_t i = 0; i < plan->edges_count; i++) {
        const struct plan_edge *edge = &plan->edges[i];
        size_t consumer = plan->parts[edge->consumer];
        size_t provider = plan->parts[edge->provider];

        assert(edge->consumer < plan->count && edge->provider < plan->count);
        assert(edge->consumer != edge->provider);
        assert(i == 0 || plan->edges[i - 1].consumer <= edge->consumer);
        /* A layer trusts nobody but the layers below it. */
        assert(scene->candidates[consumer].tier != PLAN_LAYER ||
               (scene->candidates[provider].tier == PLAN_LAYER && provider > consumer));
    }
}

static void check_recipe(const struct plan_scene *scene, const struct plan *plan)
{
    AUTO(buf_fini) struct buf recipe = BUF(RECIPE_MAX);
    size_t spaces = 0;
    size_t lines = 0;

    recipe_print(plan, scene, &recipe);
    for (size_t i = 0; i < recipe.length; i++) {
        assert(recipe.data[i] == '\n' || (recipe.data[i] >= ' ' && recipe.data[i] <= '~'));
        lines += recipe.data[i] == '\n' ? 1 : 0;
        spaces += recipe.data[i] == ' ' ? 1 : 0;
    }
    assert(recipe.overflow || lines == 1 + plan->count + plan->edges_count);
    assert(recipe.overflow ||
           spaces == 1 + PART_SPACES * plan->count + EDGE_SPACES * plan->edges_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(node_free) struct node *root = NULL;
    AUTO(plan_free) struct plan *plan = NULL;
    struct plan_candidate candidates[PLAN_CANDIDATES_MAX];
    struct plan_link link = {.interface = ""};
    struct plan_scene scene = {.candidates = candidates};
    struct fault why = {0};

    if (node_parse((struct text){(const char *)data, size}, "descriptions", DESCRIPTIONS_BYTES_MAX,
                   &root, &why) < 0) {
        return 0;
    }
    for (; scene.count < node_count(root) && scene.count < PLAN_CANDIDATES_MAX; scene.count++) {
        const struct node *node = node_item(root, scene.count);
        const char *linked = node_string(node_member(node, "linked"));

        fill(node, &candidates[scene.count]);
        if (linked) {
            link = (struct plan_link){linked, scene.count};
            scene.links = &link;
            scene.links_count = 1;
        }
        scene.is_open = scene.is_open || node_member(node, "open");
    }
    if (scene.count == 0) {
        return 0;
    }
    if (plan_make(&scene, 0, &plan, &why) < 0) {
        assert(why.kind != FAULT_NONE && why.text[0] != '\0' && !plan);
        return 0;
    }
    check_plan(&scene, plan);
    check_recipe(&scene, plan);
    return 0;
}
