/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemons of this node, asked at their windows (shim/daemon/window.h).
 *
 * Belongs here: finding them below SKEP_STATE_DIR, one question to each, over HTTP.
 * Does not belong here: what an answer says (metrics.c, containers.h).
 */
#pragma once

#include <stddef.h>

#include "base/bytes.h"

struct fault;

enum {
    SKEPDS_MAX = 256,                       /* daemons of a node */
    SKEPDS_ANSWER_BYTES_MAX = 512 * 1024 * 1024,
    SKEPDS_PATIENCE_SECONDS = 10, /* for which a daemon may say nothing */
};

struct skepds_answer {
    own char *name; /* of its folder: a hash of containerd's address and the build */
    struct buf body;
};

/* Zero-initialise. */
struct skepds_answers {
    own struct skepds_answer *at;
    size_t count;
};

/**
 * skepds_ask() - the same question to all that live
 * @path: of the question: "/metrics"
 * @ret:  their answers by the order of their names; to be ended by skepds_answers_fini(), also
 *        after a failure
 * @why:  FAULT_DENIED when only root may ask, FAULT_UNAVAILABLE when one of them does not answer
 *
 * Return: 0 or negative.
 */
int skepds_ask(const char *path, struct skepds_answers *ret, struct fault *why) MUST_USE;
void skepds_answers_fini(struct skepds_answers *answers);
UNUSED static inline void skepds_answers_fini_auto(struct skepds_answers *held)
{
    skepds_answers_fini(held);
}
