/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipes: a plan as the bytes that skep-compiler is given, and that the cache's key is made of.
 *
 *     skep-recipe 1
 *     part DIGEST NAME                          one line for each part, the entry first
 *     edge CONSUMER IMPORT PROVIDER EXPORT      one line for each link, by consumer, then by import
 *
 * Every line ends with a line feed, words are separated by one space. DIGEST is the SHA-256 of the
 * part's bytes in 64 hexadecimal digits; NAME is what sentences call the part, 1 to 128 printable
 * bytes; CONSUMER and PROVIDER are numbers of parts, from 0. Equal pods have equal bytes: there is
 * one form, and the compiler refuses every other.
 *
 * Belongs here: the form. Does not belong here: deciding (plan), reading it (runtime/compiler).
 */
#pragma once

#include "base/bytes.h"

struct plan;
struct plan_scene;

enum { RECIPE_MAX = 1 << 20, RECIPE_NAME_MAX = 128 };

/* Appends to @out, whose overflow is the caller's to look at. */
void recipe_print(const struct plan *plan, const struct plan_scene *scene, struct buf *out);
