/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/compose/recipe.h"

#include <string.h>

#include "runtime/compose/plan.h"

/* Names are words of a line, so a space becomes '_', as does all that is not printable. */
static void print_name(const char *name, struct buf *out)
{
    size_t length = strnlen(name, RECIPE_NAME_MAX);

    for (size_t i = 0; i < length; i++) {
        buf_put_u8(out, name[i] > ' ' && name[i] <= '~' ? (uint8_t)name[i] : '_');
    }
    if (length == 0) {
        buf_put_u8(out, '_');
    }
}

void recipe_print(const struct plan *plan, const struct plan_scene *scene, struct buf *out)
{
    buf_print(out, "skep-recipe 1\n");
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_candidate *part = &scene->candidates[plan->parts[i]];

        buf_print(out, "part %s ", part->digest);
        print_name(part->name, out);
        buf_print(out, "\n");
    }
    for (size_t i = 0; i < plan->edges_count; i++) {
        const struct plan_edge *edge = &plan->edges[i];

        buf_print(out, "edge %zu %s %zu %s\n", edge->consumer, edge->import, edge->provider,
                  edge->export);
    }
}
