/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans: which components a container is linked with, and which import is whose export.
 *
 * An import is bound, in this order, to: a container of the pod; what the annotation skep.dev/links
 * names; the topmost platform layer; the host. Layers see only the layers below them. Nobody is
 * bound to itself.
 *
 * Belongs here: deciding, and the sentence for what cannot be decided. Pure.
 * Does not belong here: linking (runtime/compiler), grants, where components come from.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

struct fault;
struct node;

enum {
    PLAN_PARTS_MAX = 64,       /* components of a composition: slots of the engine */
    PLAN_CANDIDATES_MAX = 256, /* components that may become one */
    PLAN_EDGES_MAX = 4096,
    PLAN_OFFERS_MAX = 64 * 1024, /* exports of all candidates */
};

enum plan_tier {
    PLAN_CONTAINER, /* of the pod */
    PLAN_LINKED,    /* named by skep.dev/links alone */
    PLAN_LAYER,     /* of the platform; the topmost first */
};

/* A component that is there. All is borrowed. */
struct plan_candidate {
    const char *name; /* of its container or layer, for sentences */
    enum plan_tier tier;
    const char *digest; /* of its bytes, 64 hexadecimal digits */
    /* Of the compiler's description: lists of names; NULL for none. */
    const struct node *imports;
    const struct node *exports;
    const struct node *unknown; /* those imports that the host does not offer */
    const struct node *hints;   /* a sentence for each unknown */
};

/* A row of skep.dev/links. */
struct plan_link {
    const char *interface; /* with a version: for imports that it fits; without: for every one */
    size_t candidate;
};

struct plan_scene {
    const struct plan_candidate *candidates;
    size_t count; /* at most PLAN_CANDIDATES_MAX */
    const struct plan_link *links;
    size_t links_count;
    bool is_open; /* what nobody has in any version may stay unbound */
};

/* Names are borrowed from the descriptions. */
struct plan_edge {
    size_t consumer; /* numbers of parts */
    const char *import;
    size_t provider;
    const char *export;
};

/* The first part is the entry; all others are reached from it. */
struct plan {
    size_t parts[PLAN_PARTS_MAX]; /* candidates */
    size_t count;
    struct plan_edge *edges; /* by consumer, then by import */
    size_t edges_count;
};

/**
 * plan_make() - what one container is linked with
 * @scene: all that is there
 * @entry: the candidate whose export is run
 * @ret:   the plan; of one part and no edges when it is linked with nobody
 * @why:   FAULT_STATE: one sentence that names the import and the container
 *
 * Return: 0 or negative.
 */
int plan_make(const struct plan_scene *scene, size_t entry, own struct plan **ret,
              struct fault *why) MUST_USE;
struct plan *plan_free(own struct plan *plan); /* NULL in, NULL out */
DEFINE_AUTO(struct plan *, plan_free)
