/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaving: from the end of a guest to the moment at which everybody sees it.
 *
 * In between its execs are ended, its last words written, out-of-memory announced, and the
 * write ends of its streams closed, so that whoever is told of the exit finds all that complete.
 *
 * Belongs here: that order, the exit status. Does not belong here: removing it (remove.h).
 */
#pragma once

#include "base/attr.h"

struct container;
struct fault;
struct guest;
struct run_exit;
struct service;

/**
 * leave_begin() - a guest has ended
 * @service: the service
 * @guest:   live, not LEAVING; STOPPED in a later turn, or when this returns
 * @end:     how it ended
 */
void leave_begin(struct service *service, struct guest *guest, const struct run_exit *end);

/* An exec of a container came to its end or was given up: perhaps its init waited for that. */
void leave_check(struct container *container);

/* The hook of a started guest (start.c). */
void start_confirmed(struct guest *guest, const struct fault *failed);

/* What a signal does to a guest (kill.c): nothing, unless it is CREATED, STARTING or RUNNING. */
void kill_guest(struct service *service, struct guest *guest, unsigned number);
/* The same for SIGKILL: a guest that runs will leave, any other that is live has left. */
void kill_now(struct service *service, struct guest *guest);
