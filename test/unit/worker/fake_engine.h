/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine without Wasm, for tests of what is around it. It has threads of its own and keeps the
 * promises of engine.h about ownership; args[0] says how a task behaves:
 *
 *   exit N   ends by itself with code N, on another thread
 *   now N    the same before engine_task_start() returns
 *   wait     until it is killed or drained
 *   refuse   is not started
 *   talk N   logs N lines, then ends with 0
 *   parts    writes the name and the first argument of each part into that part's stdout, ends with
 *            how many there are
 *   echo     copies its stdin to its stdout until the end, then ends with the folders it has
 *
 * The component's file says what it is: "command", "server", "library"; anything else is refused.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/engine/engine.h"

/* What the fake has seen; zeroed by the test. */
struct fake_seen {
    _Atomic int tasks;      /* handles that exist */
    _Atomic int components; /* references that exist */
    _Atomic int paused;
    _Atomic int resumed;
    _Atomic uint64_t memory_bytes; /* of the last start or update */
    _Atomic uint64_t queue_ns;     /* of the last start or update */
};
extern struct fake_seen fake_seen;
