/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trials: asking skep-compiler, in its own process, what it makes of components.
 *
 * Belongs here: one job of skep-compiler. Blocks.
 * Does not belong here: keeping what it makes (runtime/cache), jobs of a node (runtime/supervisor).
 */
#pragma once

#include "base/bytes.h"

struct fault;
struct node;

/* Descriptors are borrowed. */
struct trial_job {
    const char *verb; /* of skep-compiler */
    int wasm;         /* a component; with parts a recipe */
    const int *parts; /* components of the recipe */
    size_t parts_count;
};

/**
 * trial_run() - one job
 * @job:      what to do
 * @ret_code: memory that holds the code; the caller's
 * @ret:      the description, for node_free()
 * @why:      the compiler's sentence when it refuses, or what ended it
 *
 * Return: 0 or negative.
 */
int trial_run(const struct trial_job *job, int *ret_code, own struct node **ret,
              struct fault *why) MUST_USE;

/**
 * trial() - compile and throw away
 * @wasm: a component or module
 * @ret:  the compiler's description, for node_free()
 * @why:  its sentence when it refuses, or what ended it
 *
 * Return: 0 or negative.
 */
int trial(struct text wasm, own struct node **ret, struct fault *why) MUST_USE;
