/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DaemonSet's container: keeps a node as it should be, and says in the cluster how it is.
 *
 * Belongs here: rounds, back-off, label, events. Does not belong here: the steps (install).
 */
#pragma once

#include "k8s/installer/cluster.h"
#include "k8s/installer/install.h"

struct api;
struct fault;

struct keeper {
    const struct installation *installation;
    struct api *api;
    const char *node;          /* its name in the cluster */
    struct cluster_set set;    /* whose pod we are; a mark on it means: leave the node */
    unsigned every_seconds;    /* a round; a failure is tried again after one, two, four, … of them */
    const char *state_path;    /* where the state is written for keep_state(); our own file system */
};

/**
 * keep() - rounds until SIGTERM or SIGINT
 * @keeper: which node
 * @why:    signals cannot be waited for
 *
 * A round looks whether programs, configuration and containerd are as they should be, and does what
 * is missing. What fails is told by label, annotation and event, and tried again.
 *
 * Return: 0 or negative.
 */
int keep(const struct keeper *keeper, struct fault *why) MUST_USE;

/**
 * keep_state() - what the last round found, for the container's readiness
 * @path:  state_path
 * @why:   FAULT_STATE: it is not "ready", with its sentence
 *
 * Return: 0 or negative.
 */
int keep_state(const char *path, struct fault *why) MUST_USE;

/**
 * withdraw() - mark a DaemonSet, and wait until all its nodes are left
 * @api:     the API server
 * @set:     the DaemonSet; when there is none, nothing is to be done
 * @seconds: how long
 * @why:     FAULT_TIMEOUT: the nodes that are not left, and why not
 *
 * Return: 0 or negative.
 */
int withdraw(struct api *api, const struct cluster_set *set, unsigned seconds,
             struct fault *why) MUST_USE;
