/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to containerd's socket.
 *
 * Belongs here: the path's bound, who does not listen. Does not belong here: what is spoken (call.h).
 */
#pragma once

#include "base/attr.h"

struct fault;

/**
 * containerd_connect() - a connection that gRPC can be given later
 * @address: path of the socket
 * @why:     FAULT_UNAVAILABLE when nobody listens; FAULT_LIMIT: the path is too long
 *
 * Return: descriptor, non-blocking, or negative.
 */
int containerd_connect(const char *address, struct fault *why) MUST_USE;
