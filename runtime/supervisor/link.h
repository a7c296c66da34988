/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linking: a started run that imports what other runs of its pod provide becomes a composition
 * with them.
 *
 * Belongs here: waiting for providers, the plan, its composition, what its parts may touch.
 * Does not belong here: who is linked with whom (runtime/compose), linking (runtime/compiler).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "runtime/supervisor/compile.h"
#include "runtime/supervisor/kin.h"

struct loop_timer;
struct run;
struct worker_task_grant;

/* Providers are waited for so long, unless the grant says otherwise. */
enum { LINK_WAIT_S = 30 };

struct link {
    struct kin_place place;
    struct loop_timer *deadline;  /* NULL: it does not wait */
    struct fault open;            /* what it waits for */
    struct component_wait wait;   /* for the composition */
    own struct run **parts;       /* those of the composition but its entry; borrowed runs */
    size_t parts_count;
    bool is_told; /* that it waits, to the guest's stderr */
};

/* Looks who is there: begins the composition, waits on, or fails the run. */
void link_try(struct run *run);

/**
 * link_grants() - what the parts of a composition are given
 * @run: with a composition, nobody of which has gone
 * @ret: as many as there are parts; to be freed by link_grants_free()
 */
own struct worker_task_grant *link_grants(const struct run *run) MUST_USE;
void link_grants_free(own struct worker_task_grant *grants, size_t count);

/* A line on the guest's stderr: what happens to it, and why. */
void link_say(const struct run *run, const char *what, const char *text);

/* Gives up and forgets all. */
void link_end(struct run *run);
