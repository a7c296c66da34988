/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker: one engine, the components and tasks of one isolation domain, one supervisor.
 *
 * Belongs here: messages in, outcomes out.
 * Does not belong here: policy; the worker does what it is told with what it was handed.
 */
#pragma once

#include "base/attr.h"

struct fault;
struct loop;
struct sandbox;
struct worker;

/**
 * worker_new() - serve a supervisor
 * @loop:    the loop; borrowed, must outlive it
 * @socket:  SOCK_SEQPACKET to the supervisor; owned from here on
 * @sandbox: entered early; the late step is taken when the engine runs; borrowed
 * @ret:     the worker
 * @why:     the reason
 *
 * HELLO starts the engine. When the socket ends, or the supervisor breaks the rules, the loop stops.
 *
 * Return: 0 or negative.
 */
int worker_new(struct loop *loop, int socket, struct sandbox *sandbox, own struct worker **ret,
               struct fault *why) MUST_USE;

/* What ended it: "" when the supervisor closed the socket. */
const char *worker_last_words(const struct worker *worker);
