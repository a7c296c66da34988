/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots: the names under which each part of a composition asks the host.
 *
 * Part N has its roots as "cN-wasi:cli/environment@0.2.0", N in decimal; all parts share the types
 * of handles under their own names. skep-compiler renames, skep-worker binds; both by this table.
 *
 * Belongs here: the names, and what each root gives. Does not belong here: renaming
 * (runtime/compiler), grants (runtime/grant).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Has it the form of a slot's name (cN-…)? No component from outside may use such a name. */
bool slot_is_name(const char *name);

/* Is it a type of handles, which all parts share? Of the versions that the host has. */
bool slot_is_shared(const char *import);

/* What a root gives, in a word or two: "files"; for an unknown one of WASI its own name; NULL for
 * what is no root. */
const char *slot_gives(const char *import);
