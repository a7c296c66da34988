/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs: what a person can ask of skep; one function and one file each.
 *
 * Belongs here: the shape of a verb, and the words around all of them (usage, help).
 * Does not belong here: what any verb does.
 */
#pragma once

#include "base/attr.h"

struct fault;

/**
 * verb_fn - carry out one verb
 * @argc: at least 1
 * @argv: the verb's own name, its options and arguments; for getopt_long(3)
 * @why:  the reason, when the result is negative; main() prints it and exits by fault_exit()
 *
 * Return: the exit status, 0 to 255, or negative.
 */
typedef int verb_fn(int argc, char **argv, struct fault *why);

#define VERB(name, arguments, summary, options) verb_fn verb_##name;
#include "cli/verbs.def"
#undef VERB

/**
 * verb_misused() - a command line that does not fit the verb
 * @name:  the verb
 * @what:  what is wrong: "two arguments are needed"
 * @why:   FAULT_INVALID with @what and the usage line
 *
 * Return: always -1.
 */
int verb_misused(const char *name, const char *what, struct fault *why);
