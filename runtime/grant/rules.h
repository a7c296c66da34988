/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the grant room: the parts of decide(), each a few rows of the policy.
 *
 * Belongs here: what the files of this room share. Nobody else includes it.
 */
#pragma once

#include "runtime/grant/decide.h"

/* What this container asks for beyond what any component can have. */
int refuse_more(const struct spec *spec, struct fault *why) MUST_USE;
int refuse_user_namespace(const struct spec *spec, struct fault *why) MUST_USE;
/* What it asks for in vain, in words. */
void note_less(const struct spec *spec, struct grant *grant);

int decide_folders(const struct spec *spec, const struct decide_input *input, struct grant *grant,
                   struct fault *why) MUST_USE;

/* A copy of an absolute path without empty and "." parts; ".." is refused. */
int clean_path(const char *path, const char *what, own char **ret, struct fault *why) MUST_USE;

/* Add to grant->ignored, whose room decide() has made. */
void note(struct grant *grant, const char *format, ...) PRINTF_LIKE(2, 3);
