/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers of this node, as all its daemons list them.
 *
 * Belongs here: the list as values, numbers in the words of a table.
 * Does not belong here: asking (skepds.h), the table itself (table.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "runtime/stats/counters.h"

struct fault;
struct skepds_answers;

enum { CONTAINERS_WORD_ROOM = 32 };

struct listed {
    own char *skepd; /* its daemon */
    own char *space; /* containerd's namespace */
    own char *id;
    own char *pod_namespace;
    own char *pod;
    own char *name;
    own char *kind;
    own char *state;
    bool is_pause;
    uint64_t started_ms;
    struct engine_counters counters;
    struct engine_latency latency;
};

/* Zero-initialise. In order of (skepd, space, id). */
struct containers {
    own struct listed *at;
    size_t count;
    size_t room;
};

/**
 * containers_read() - out of the daemons' answers
 * @answers: to "/containers"
 * @ret:     to be ended by containers_fini(), also after a failure
 * @why:     FAULT_INVALID naming the daemon
 *
 * Return: 0 or negative.
 */
int containers_read(const struct skepds_answers *answers, struct containers *ret,
                    struct fault *why) MUST_USE;
void containers_fini(struct containers *containers);
UNUSED static inline void containers_fini_auto(struct containers *held)
{
    containers_fini(held);
}

/* The order of lists. */
int listed_order(const struct listed *one, const struct listed *other);

/* Each prints a few characters: "12.5 MiB", "3m", "250 us", "12 ms". Return: @ret. */
const char *words_bytes(uint64_t bytes, char ret[CONTAINERS_WORD_ROOM]);
const char *words_age(uint64_t seconds, char ret[CONTAINERS_WORD_ROOM]);
const char *words_us(uint64_t us, char ret[CONTAINERS_WORD_ROOM]);
