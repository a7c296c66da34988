/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a container: the node's, a namespace with a path, or one of its own.
 *
 * containerd writes /proc/P/ns/net into the specs of a pod's containers, P being the number that we
 * reported for the pause. That number is nobody's pid, so we look up what it stands for.
 *
 * Belongs here: which namespace. Does not belong here: entering it, sockets (runtime/broker).
 */
#pragma once

#include "shim/pod/container.h"

struct fault;
struct grant;
struct pods;
struct spec;

/* What was looked up in the table of containers. */
struct network_choice {
    enum container_network network;
    own char *path; /* CONTAINER_NETWORK_PATH */
};

/**
 * network_choose() - what a spec means
 * @pods:      where the pause may be
 * @container: whose spec it is
 * @spec:      the spec
 * @ret:       the choice; its path is for free()
 * @why:       FAULT_INVALID: a pause is named that is not here
 *
 * Return: 0 or negative.
 */
int network_choose(struct pods *pods, const struct container *container, const struct spec *spec,
                   struct network_choice *ret, struct fault *why) MUST_USE;

/**
 * network_settle() - carry a choice out
 * @choice:    its path passes to @container
 * @container: gets the network; a namespace of its own is made, with a thread in it
 * @grant:     made to name the namespace that was found; NULL for a sandbox
 * @why:       the reason
 *
 * Blocks. Return: 0 or negative. Thread: a pool's, which has @container to itself.
 */
int network_settle(struct network_choice *choice, struct container *container,
                   struct grant *grant, struct fault *why) MUST_USE;
