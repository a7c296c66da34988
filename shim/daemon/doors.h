/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doors: the sockets at which containerd calls, one for each of its namespaces.
 *
 * containerd 1.6 leaves out of its calls which namespace they are about (later ones say it in the
 * metadata), and ids repeat across namespaces. The socket tells.
 *
 * Belongs here: making and listening at them. Does not belong here: what is called (shim/task).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "shim/task/service.h"

struct doors;
struct fault;

enum { DOORS_MAX = 4096 };

/**
 * doors_new() - none yet
 * @tools:  of every door's service; copied
 * @folder: the state folder, at most 79 bytes; borrowed
 *
 * Return: the doors, owned by the caller.
 */
own struct doors *doors_new(const struct service_tools *tools, const char *folder) MUST_USE;
/* Closes all connections. NULL in, NULL out. */
struct doors *doors_free(own struct doors *doors);
DEFINE_AUTO(struct doors *, doors_free)

/**
 * doors_open() - see that there is one for a namespace
 * @doors:        the doors
 * @namespace_id: containerd's, an identifier
 * @ret_path:     the socket's path, borrowed
 * @why:          the reason
 *
 * Return: 0 or negative.
 */
int doors_open(struct doors *doors, const char *namespace_id, const char **ret_path,
               struct fault *why) MUST_USE;

/* Is any connection open, or waiting to be accepted? */
bool doors_are_used(const struct doors *doors);

/* Takes their names away: nobody finds them any more. */
void doors_unlink(const struct doors *doors);
