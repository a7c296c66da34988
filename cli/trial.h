/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trials: compiling a component as a node would, to hear what the compiler says.
 *
 * Belongs here: one job of skep-compiler. Blocks.
 * Does not belong here: keeping what it makes (runtime/cache), jobs of a node (runtime/supervisor).
 */
#pragma once

#include "base/bytes.h"

struct fault;
struct node;

/**
 * trial() - compile and throw away
 * @wasm: a component or module
 * @ret:  the compiler's description, for node_free()
 * @why:  its sentence when it refuses, or what ended it
 *
 * Return: 0 or negative.
 */
int trial(struct text wasm, own struct node **ret, struct fault *why) MUST_USE;
