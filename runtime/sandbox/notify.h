/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notification: socket(2) of this process is answered by another one.
 *
 * Belongs here: the filter that asks.
 * Does not belong here: who answers and what (runtime/broker/sockets.h), all other system calls
 * (syscalls.def; of two filters the stricter word counts, so the list lets socket(2) pass only
 * where this filter stands).
 */
#pragma once

#include "base/attr.h"

struct fault;
struct sandbox;

/**
 * notify_sockets() - from now on every socket(2) waits for an answer from the listener
 * @sandbox:      after sandbox_enter_early(): no new privileges, one thread
 * @ret_listener: owned by the caller, who hands it away and closes its own copy: while the process
 *                that asks holds one, nobody notices that the other has died. -1: this kernel or
 *                this surrounding has no such thing, which @sandbox then says; no sockets
 * @why:          the reason
 *
 * Return: 0 or negative. Without keep_user there is a listener, or it fails.
 */
int notify_sockets(struct sandbox *sandbox, int *ret_listener, struct fault *why) MUST_USE;
