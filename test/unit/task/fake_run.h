/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs without a worker: each tells its events in a later turn of the loop, and ends when the test
 * or a kill says so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "runtime/grant/grant.h"
#include "runtime/supervisor/run.h"

struct loop;

enum { FAKE_RUNS_MAX = 512 };

/* What the next run shall do; reset by fake_runs_open(). */
extern struct fake_plan {
    enum run_kind kind;
    const char *load_fails;  /* on_ready tells this sentence */
    const char *start_fails; /* on_started tells this sentence */
    bool holds_ready;        /* on_ready comes when fake_run_ready() is called */
    bool holds_started;      /* the same for on_started */
    struct engine_counters counters;
    struct engine_latency latency;
} fake_plan;

struct fake_run; /* struct run */

void fake_runs_open(struct loop *loop);
/* Return: how many runs are not freed. */
size_t fake_runs_left(void);

/* The nth run that was made, alive or NULL. */
struct run *fake_run_at(size_t index);
size_t fake_runs_made(void);
void fake_run_ready(struct run *run);
void fake_run_started(struct run *run);
void fake_run_exit(struct run *run, enum run_how how, uint32_t code, const char *text);

const char *fake_run_domain(const struct run *run);
const char *fake_run_name(const struct run *run);
/* Where its grant finds that text of the network; "" for nowhere. */
const char *fake_run_file(const struct run *run, enum grant_text which);
uint64_t fake_run_memory(const struct run *run); /* its limit, as last updated */
uint64_t fake_run_grace(const struct run *run);  /* of the last drain; UINT64_MAX before */
bool fake_run_is_paused(const struct run *run);
/* The run's stdio, still open; -1 for none. */
const struct run_stdio *fake_run_stdio(const struct run *run);
