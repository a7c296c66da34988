/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening: what a grant names becomes descriptors, off the loop where that may block.
 *
 * Belongs here: folders, the namespace, the listener, as one piece of work.
 * Does not belong here: how each is made (runtime/broker).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"

#include "runtime/grant/grant.h"

struct description;
struct folders;
struct netns;
struct opening;
struct run_plan;
struct supervisor;

/* What came of it; rests at {.listener = -1, .network = -1}. */
struct opened {
    own struct folders *folders;
    own struct netns *netns; /* made for a task that has none */
    int listener;            /* of a server, else -1 */
    int network;             /* the namespace of its sockets; -1: it gets none */
    uint16_t port;
    own char *texts[GRANT_TEXTS]; /* for the network, by enum grant_text */
};
void opened_fini(struct opened *opened);

/* The texts alone, once they are handed on. */
void opened_drop_texts(struct opened *opened);

/* Told once, from the loop; takes what it wants of @opened and leaves the rest at rest. */
typedef void opening_fn(void *owner, struct opened *opened, const struct fault *failed);

/**
 * opening_begin() - open what a grant names
 * @supervisor: its loop and its maps of owners
 * @plan:       what is needed of it is copied
 * @description: a server gets a listener too, others only what they have a use of
 * @fn:         told when it is done
 * @owner:      for @fn
 *
 * Return: the opening, borrowed, for opening_forget(); valid until @fn is called.
 */
struct opening *opening_begin(struct supervisor *supervisor, const struct run_plan *plan,
                              const struct description *description, opening_fn *fn, void *owner);

/* Its @fn will not be called. NULL is nothing. */
void opening_forget(struct opening *opening);
