/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports: what is to be said of a component or an image, for people and as JSON.
 *
 * Belongs here: what a pod needs to run it, and the two layouts. Pure.
 * Does not belong here: getting at the bytes (cli/subject).
 */
#pragma once

#include "base/bytes.h"

struct node;
struct subject;

enum { REPORT_MAX = 4 * 1024 * 1024 };

struct report {
    const struct subject *subject;
    const struct node *trial; /* the compiler's description (cli/trial); NULL: not asked */
};

void report_print_text(const struct report *report, struct buf *out);
void report_print_json(const struct report *report, struct buf *out);
