/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offers: who exports an interface, and who of those serves one import.
 *
 * Belongs here: the order of tiers, and the words for imports that nobody serves.
 * Does not belong here: following imports from part to part (plan).
 */
#pragma once

#include "runtime/compose/interface.h"
#include "runtime/compose/plan.h"

struct offer {
    struct interface interface;
    const char *name; /* of the export */
    size_t candidate;
};

/* All exports of all candidates, by interface; borrows from the scene. */
struct offers {
    const struct plan_scene *scene;
    struct offer *items;
    size_t count;
};

/**
 * offers_new() - look up all exports
 * @scene: borrowed, must outlive the offers
 * @ret:   for offers_free()
 * @why:   FAULT_LIMIT
 *
 * Return: 0 or negative.
 */
int offers_new(const struct plan_scene *scene, own struct offers **ret, struct fault *why) MUST_USE;
struct offers *offers_free(own struct offers *offers); /* NULL in, NULL out */
DEFINE_AUTO(struct offers *, offers_free)

enum offers_answer {
    OFFERS_FOUND,
    OFFERS_NOBODY, /* of the candidates: the host serves it, or it may stay open */
};

/**
 * offers_find() - who serves an import
 * @offers:   all that there is
 * @consumer: the candidate that imports it
 * @import:   its name
 * @ret:      the offer, when found
 * @why:      nobody does, or two do: one sentence
 *
 * Return: enum offers_answer or negative.
 */
int offers_find(const struct offers *offers, size_t consumer, const char *import,
                const struct offer **ret, struct fault *why) MUST_USE;
