/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a component here, without containerd: the same supervisor, worker, sandbox and grants.
 *
 * Belongs here: one run, its stdio and signals, from the file to the exit code.
 * Does not belong here: the options (local_options.h).
 */
#pragma once

#include "base/attr.h"

struct fault;
struct local_options;

/**
 * local_run() - run a component until it ends
 * @options: what and how
 * @why:     the reason
 *
 * SIGINT and SIGTERM ask it to stop, the second one kills it. A component that traps is told on
 * stderr. Leaves no process behind.
 *
 * Return: its exit code, or negative when it could not be run.
 */
int local_run(const struct local_options *options, struct fault *why) MUST_USE;
