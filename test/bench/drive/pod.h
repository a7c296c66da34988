/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod as containerd lives with it: announced, created, started, waited for, ended, deleted.
 *
 * Belongs here: the order of the calls and how long they took.
 * Does not belong here: bundles (they are there: FOLDER/podN), the calls' bytes (wire.h).
 */
#pragma once

#include <stdint.h>

#include "test/bench/drive/wire.h"

struct pod_plan {
    const char *control; /* path of the control socket */
    const char *bundles; /* folder of the bundles */
    bool fifos;          /* stdout and stderr are FIFOs of the bundle, "out" and "err" */
};

struct pod {
    struct line line;
    uint32_t stats; /* the stream of its last Stats */
    uint32_t wait;  /* the stream of its Wait, which CRI leaves open while the pod lives */
};

struct pod_times {
    uint64_t announce_ns;
    uint64_t create_ns;
    uint64_t start_ns;
};

/* Brings pod @number to life. */
void pod_begin(struct pod *pod, const struct pod_plan *plan, unsigned number,
               struct pod_times *ret);

/* Asks for its stats. */
void pod_ask_stats(struct pod *pod, unsigned number);
/* Takes the answer, which must hold some. */
void pod_take_stats(struct pod *pod);

/* SIGKILL, the answer of Wait, Delete, and the connection's end. */
void pod_end(struct pod *pod, unsigned number);
