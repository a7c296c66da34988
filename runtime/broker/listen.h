/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets for servers, made in the namespace that the grant names.
 *
 * Belongs here: the socket. Does not belong here: which port a task may have (runtime/grant), the
 * namespace itself (netns.h), accepting (runtime/engine).
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct fault;

struct listen_plan {
    int netns;           /* borrowed; -1: where this thread is */
    const char *address; /* numeric, IPv4 or IPv6; NULL: every address of both */
    uint16_t port;       /* 0: any that is free */
};

/**
 * listen_open() - a listening TCP socket, non-blocking
 * @plan:     where
 * @ret:      the socket, owned by the caller
 * @ret_port: where it listens; may be NULL
 * @why:      the reason, naming address and port
 *
 * Every address means [::] for both families, or 0.0.0.0 where there is no IPv6.
 *
 * Return: 0 or negative. Thread: any; blocks no longer than the kernel's socket calls do.
 */
int listen_open(const struct listen_plan *plan, int *ret, uint16_t *ret_port, struct fault *why)
    MUST_USE;
