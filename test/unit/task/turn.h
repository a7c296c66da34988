/* SPDX-License-Identifier: Apache-2.0 */
/* Serving a loop until something holds, with a deadline that fails the test. */
#pragma once

#include <stdbool.h>

struct loop;

typedef bool turn_fn(void *owner);

/* Serves @loop until @fn holds; the test fails after ten seconds, naming @what. */
void turn_until(struct loop *loop, turn_fn *fn, void *owner, const char *what);
/* Until *@flag is true. */
void turn_until_true(struct loop *loop, const bool *flag, const char *what);
