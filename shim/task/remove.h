/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing a container: from its end to nothing left of it.
 *
 * Belongs here: that order, for Delete, for a Create that failed, and for the launcher's `delete`.
 * Does not belong here: who may remove what, and when (delete.c).
 */
#pragma once

#include "base/attr.h"
#include "shim/task/service.h"

struct container;

/**
 * remove_now() - take a container apart
 * @service:   the service
 * @container: its init is STOPPED, or PREPARING and given up; not seen any more from here on
 * @done:      told when it is freed and nothing is mounted or open any more; may be NULL
 * @owner:     for @done
 */
void remove_now(struct service *service, struct container *container, void (*done)(void *owner),
                void *owner);

typedef void remove_fn(void *owner, const struct service_removed *how);

/**
 * remove_begin() - end whatever it does, then take it apart
 * @service:   the service
 * @container: in any state, but not being taken apart
 * @done:      told how it had ended, when nothing is left
 * @owner:     for @done
 */
void remove_begin(struct service *service, struct container *container, remove_fn *done,
                  void *owner);
