/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the daemon: it ends when nobody has needed it for a while, or when it is asked to and
 * nothing lives in it. Its death would end every pod of the node, so SIGTERM alone does not kill.
 *
 * Belongs here: when to end. Does not belong here: what is torn down then (main.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct life;
struct loop;

enum { LIFE_IDLE_SECONDS = 300 }; /* without SKEP_IDLE_SECONDS */

struct life_plan {
    struct loop *loop;  /* stopped when the end has come */
    const char *folder; /* the state folder: its lock keeps launchers away meanwhile */
    uint64_t idle_ns;
    bool (*is_needed)(void *owner); /* does anything live, wait or connect? */
    void (*ending)(void *owner);    /* under the lock: take the sockets' names away */
    void *owner;
};

/**
 * life_new() - watch over it
 * @plan: copied; what it points to must outlive it
 *
 * SIGTERM and SIGINT end it as soon as nothing lives, without the idle time.
 *
 * Return: the life.
 */
own struct life *life_new(const struct life_plan *plan) MUST_USE;

/* Lets go of the lock. NULL in, NULL out. */
struct life *life_free(own struct life *life);
DEFINE_AUTO(struct life *, life_free)
