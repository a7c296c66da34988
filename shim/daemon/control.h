/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: what launchers ask (shim/control.h), one question a connection.
 *
 * Belongs here: packets, who may ask, time-outs. Does not belong here: the answers' substance
 * (shim/pod/announce, shim/task).
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"

struct control;
struct doors;
struct fault;
struct loop;
struct pods;
struct service;

enum { CONTROL_CALLERS_MAX = 4096 };

struct control_tools {
    struct loop *loop;
    struct pods *pods;
    struct service *service; /* for removals */
    struct doors *doors;
    const char *folder; /* the state folder */
};

/**
 * control_new() - listen at FOLDER/control.sock
 * @tools: copied; what it points to is borrowed and must outlive the control
 * @ret:   the control
 * @why:   the reason
 *
 * Replaces a socket file of a daemon that is dead: the caller holds the lock of the folder.
 *
 * Return: 0 or negative.
 */
int control_new(const struct control_tools *tools, own struct control **ret,
                struct fault *why) MUST_USE;
/* Closes all connections. No question may be open that waits for others. NULL in, NULL out. */
struct control *control_free(own struct control *control);
DEFINE_AUTO(struct control *, control_free)

/* Connections that are open. */
size_t control_callers(const struct control *control);

/* The listening socket, borrowed. */
int control_listener(const struct control *control);
