/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cluster is told and asked about a node: its label, its handlers, events; whether Skep is
 * being withdrawn.
 *
 * Belongs here: objects of the API server, by name. Does not belong here: when (keep, withdraw).
 *
 * Everything blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct api;
struct fault;

/* The node's label, which the RuntimeClasses select "ready" by. */
#define CLUSTER_LABEL "skep.dev/runtime"
/* The sentence of the last failure, on the node. */
#define CLUSTER_FAILURE "skep.dev/failure"
/* On the DaemonSet: every node is to be left. */
#define CLUSTER_WITHDRAWN "skep.dev/withdrawn"

enum { CLUSTER_NAME_MAX = 253, CLUSTER_LIST_ROOM = 1024 };

/**
 * cluster_mark() - set the node's label and its sentence
 * @api:     the API server
 * @node:    the node's name
 * @state:   "ready", "failed", "removing"; NULL: the label goes
 * @failure: the sentence; NULL: the annotation goes
 * @why:     the reason
 *
 * Return: 0 or negative.
 */
int cluster_mark(struct api *api, const char *node, const char *state, const char *failure,
                 struct fault *why) MUST_USE;

struct cluster_event {
    bool is_bad;         /* Warning, else Normal */
    const char *reason;  /* one word, "SkepInstalled" */
    const char *message; /* a sentence */
};

/**
 * cluster_event() - an event at the node
 * @api:     the API server
 * @node:    the node's name
 * @event:   copied
 * @why:     the reason
 *
 * Return: 0 or negative.
 */
int cluster_event(struct api *api, const char *node, const struct cluster_event *event,
                  struct fault *why) MUST_USE;

/**
 * cluster_count_handlers() - which handlers the node's status has
 * @api:      the API server
 * @node:     the node's name
 * @handlers: names, ended by NULL
 * @ret:      how many of them it has
 * @why:      the reason
 *
 * Kubernetes before 1.30, and any with containerd before 2.0, says nothing of handlers: all are
 * counted then.
 *
 * Return: 0 or negative.
 */
int cluster_count_handlers(struct api *api, const char *node, const char *const *handlers,
                           size_t *ret, struct fault *why) MUST_USE;

/* A DaemonSet, by namespace and name. */
struct cluster_set {
    const char *space;
    const char *name;
};

/* Is this DaemonSet marked by CLUSTER_WITHDRAWN? Return: 1, 0, or negative. */
int cluster_is_withdrawn(struct api *api, const struct cluster_set *set,
                         struct fault *why) MUST_USE;
/* Mark it. Return: 0 or negative. */
int cluster_withdraw(struct api *api, const struct cluster_set *set, struct fault *why) MUST_USE;

/**
 * cluster_marked_nodes() - which nodes have the label
 * @api:   the API server
 * @words: filled with "node (sentence), …" of the first ones
 * @why:   the reason
 *
 * Return: how many, or negative.
 */
int cluster_marked_nodes(struct api *api, char words[CLUSTER_LIST_ROOM],
                         struct fault *why) MUST_USE;
