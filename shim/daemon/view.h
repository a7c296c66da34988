/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view: an answer of the window as a sequence of pieces.
 *
 * Belongs here: which container comes next, and its numbers for runtime/stats.
 * Does not belong here: the words for them (runtime/stats/metrics.h), HTTP (window.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "shim/daemon/question.h"

struct buf;
struct pods;

/* Containers that one call looks at: most families have nothing to say of most of them. */
enum { VIEW_LOOKS_MAX = 256 };

/* Where an answer is; zero-initialise and set what. */
struct view {
    enum question_what what;
    size_t family; /* METRICS: of which samples are being put */
    bool has_head; /* what the family begins with is put */
    char namespace_id[IDENTIFIER_MAX + 1]; /* the container that was the last of the family so far */
    char id[IDENTIFIER_MAX + 1];
    bool is_over;
};

/**
 * view_put() - append the next lines, whole ones; perhaps none, before the end
 * @view:  moves on
 * @pods:  whose containers; they may change between calls
 * @bytes: to stop at, once that many are appended
 * @out:   with room for one container more than @bytes
 */
void view_put(struct view *view, struct pods *pods, size_t bytes, struct buf *out);
