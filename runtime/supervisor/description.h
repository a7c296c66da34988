/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the compiler says about a component, as far as placing and starting it needs.
 *
 * Belongs here: reading the JSON with bounds. Does not belong here: what is done about it (run.c).
 */
#pragma once

#include "base/fault.h"
#include "runtime/supervisor/run.h"

struct node;

struct description {
    enum run_kind kind;
    /* Why it cannot run by itself: imports that nobody offers. kind is FAULT_NONE if it can. */
    struct fault open;
    unsigned texts; /* of the network, that its imports have a use of: bits 1 << enum grant_text */
    own struct node *root;       /* of the lists below */
    const struct node *imports;  /* names */
    const struct node *exports;  /* names */
    const struct node *unknown;  /* those imports that the host does not offer */
    const struct node *hints;    /* a sentence for each unknown; NULL: none */
};

/* Rests at zeros. */
void description_fini(struct description *description);

/**
 * description_parse() - read a description
 * @json: NUL-terminated
 * @ret:  the description, for description_fini()
 * @why:  FAULT_INTERNAL: the compiler wrote nonsense
 *
 * Return: 0 or negative. Thread: any.
 */
int description_parse(const char *json, struct description *ret, struct fault *why) MUST_USE;
