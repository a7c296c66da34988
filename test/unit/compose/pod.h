/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods for tests of plans: a few words for each component.
 *
 * Belongs here: turning words into candidates. Does not belong here: what is expected of a plan.
 */
#pragma once

#include <cmocka.h>

#include "base/fault.h"
#include "runtime/compose/plan.h"

/* Lists of names separated by a space. What is imported and begins with "wasi:" the host offers. */
struct piece {
    const char *name;
    enum plan_tier tier;
    const char *imports;
    const char *exports;
};

struct pod {
    struct plan_candidate candidates[PLAN_CANDIDATES_MAX];
    struct plan_scene scene;
    struct node *nodes[3 * PLAN_CANDIDATES_MAX];
    size_t nodes_count;
};

own struct pod *pod_of(const struct piece *pieces, size_t count);
struct pod *pod_free(own struct pod *pod); /* NULL in, NULL out */
DEFINE_AUTO(struct pod *, pod_free)

/* The recipe of a plan that must succeed, with "D" for each digest and without its first line. */
void pod_expect(struct pod *pod, size_t entry, const char *recipe);

/* The sentence of a plan that must fail. */
void pod_expect_failure(struct pod *pod, size_t entry, const char *sentence);
