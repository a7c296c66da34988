/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics: counters in words for others, as Prometheus text (exposition format 0.0.4) and as JSON.
 *
 * Belongs here: names, labels, units, escaping; no container has more samples than
 * METRICS_SAMPLES_MAX, so that a node's number of series stays a small multiple of its containers.
 * Does not belong here: where subjects come from, sending the text (shim/daemon).
 *
 * Thread: any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "runtime/engine/counters.h"

struct fault;
struct node;

enum {
    METRICS_SAMPLES_MAX = 32, /* of one container */
    METRICS_LABEL_MAX = 255,  /* bytes of a value, before escaping */
    METRICS_PUT_BYTES_MAX = 64 * 1024, /* that one call here appends */
};

/* One container, as it is at one moment; everything borrowed, no text NULL or above
 * METRICS_LABEL_MAX. */
struct metrics_subject {
    const char *space;         /* containerd's namespace */
    const char *id;            /* containerd's */
    const char *pod_namespace; /* Kubernetes' words, "" where there are none */
    const char *pod;
    const char *name; /* of the container in its pod */
    const char *image;
    const char *kind;  /* "command", "server", "library", "pause" */
    const char *state; /* "running" and so on */
    bool is_pause;     /* runs nothing and has no samples */
    bool is_running;
    bool is_server;
    bool has_quota;
    uint64_t started_ms;   /* since 1970; 0: not started */
    uint64_t memory_limit; /* bytes; 0: none */
    uint64_t execs;
    const struct engine_counters *counters;
    const struct engine_latency *latency; /* NULL: there were no requests */
};

/* How many families of samples there are; the text is all of them in order. */
size_t metrics_families(void);

/* The lines that a family begins with. */
void metrics_put_head(size_t family, struct buf *out);

/* What the family says of one container, which may be nothing. */
void metrics_put_samples(size_t family, const struct metrics_subject *subject, struct buf *out);

/**
 * metrics_put_line() - a container as one line of JSON
 * @subject: the container
 * @out:     appended; the line ends with a newline
 *
 * Numbers are clipped to 63 bits. "latency" is absent without requests; its "buckets" are pairs of
 * index (engine_latency_from_us()) and count, without those that are 0.
 */
void metrics_put_line(const struct metrics_subject *subject, struct buf *out);

/* A line that came back. Zero-initialise. */
struct metrics_line {
    own struct node *document;
    struct metrics_subject subject; /* borrowed of the other members */
    struct engine_counters counters;
    struct engine_latency latency;
};

/**
 * metrics_read_line() - what metrics_put_line() wrote, perhaps in another build
 * @line: without its newline
 * @ret:  to be ended by metrics_line_fini(), also after a failure; what is absent is 0 or ""
 * @why:  FAULT_INVALID
 *
 * Of the flags of the subject, is_pause, is_running and is_server are set.
 *
 * Return: 0 or negative.
 */
int metrics_read_line(struct text line, struct metrics_line *ret, struct fault *why) MUST_USE;
void metrics_line_fini(struct metrics_line *line);
