/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphs: a picture of who imports what from whom, and what each asks of the host.
 *
 * Belongs here: the two layouts, text and SVG. Pure.
 * Does not belong here: reading components (cli/family), deciding (runtime/compose).
 */
#pragma once

#include "base/bytes.h"
#include "runtime/compose/plan.h"

enum { GRAPH_MAX = 4 * 1024 * 1024, GRAPH_ASKS_MAX = 16 };

/* What one part asks of the host: a word for each kind of grant, once. */
struct graph_asks {
    const char *words[GRAPH_ASKS_MAX];
    size_t count;
    size_t more; /* that did not fit */
};

struct graph_asks graph_asks_of(const struct plan_scene *scene, const struct plan *plan, size_t part);

/* Imports of a part that nobody here serves; called for each. */
typedef void graph_open_fn(void *owner, const char *import);
void graph_open_of(const struct plan_scene *scene, const struct plan *plan, size_t part,
                   graph_open_fn *fn, void *owner);

/* "" for a container, else how it came to be there, in words. */
const char *graph_tier_words(enum plan_tier tier);

void graph_print_text(const struct plan_scene *scene, const struct plan *plan, struct buf *out);
void graph_print_svg(const struct plan_scene *scene, const struct plan *plan, struct buf *out);
