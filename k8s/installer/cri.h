/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containerd's CRI service says: which handlers it has loaded, and whose pods run.
 *
 * Belongs here: two questions over gRPC. Does not belong here: what follows from the answers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct fault;

enum { CRI_PODS_SHOWN = 3, CRI_NAME_ROOM = 340 };

/**
 * cri_count_handlers() - which of these has containerd loaded?
 * @socket:   its address, a path that we can open
 * @handlers: names, ended by NULL
 * @ret:      how many of them it has
 * @why:      FAULT_UNAVAILABLE while it does not answer
 *
 * containerd before 2.0 has no list of handlers; its configuration, which the same answer holds, says
 * the same.
 *
 * Blocks for at most eight seconds. Return: 0 or negative.
 */
int cri_count_handlers(const char *socket, const char *const *handlers, size_t *ret,
                       struct fault *why) MUST_USE;

struct cri_pods {
    size_t count;
    char names[CRI_PODS_SHOWN][CRI_NAME_ROOM]; /* "namespace/name" of the first ones */
};

/**
 * cri_find_pods() - which pods run with one of these handlers
 * @socket:   containerd's address
 * @handlers: names, ended by NULL
 * @ret:      those whose sandbox is ready
 * @why:      the reason
 *
 * Blocks for at most eight seconds. Return: 0 or negative.
 */
int cri_find_pods(const char *socket, const char *const *handlers, struct cri_pods *ret,
                  struct fault *why) MUST_USE;
