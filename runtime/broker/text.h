/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small texts of the node for a task's network: resolv.conf, hosts, certificates.
 *
 * Belongs here: reading them with bounds. Does not belong here: which ones (runtime/grant).
 */
#pragma once

#include "base/attr.h"

struct fault;
struct folders;

/**
 * broker_text_read() - a file as a text
 * @path: absolute, on the node
 * @ret:  its bytes up to the first NUL; NULL if there is no such file
 * @why:  FAULT_LIMIT beyond GRANT_NETWORK_TEXT_MAX, else what the kernel said
 *
 * Blocks. Return: 0 or negative. Thread: any.
 */
int broker_text_read(const char *path, own char **ret, struct fault *why) MUST_USE;

/**
 * broker_text_find() - the same for a file of the task itself, as the task sees it
 * @folders: the task's, open; links lead nowhere outside of the folder that the path begins in
 * @path:    absolute, inside the component
 * @ret:     as above; NULL, too, if the task has no such file
 * @why:     as above
 *
 * Blocks. Return: 0 or negative. Thread: any.
 */
int broker_text_find(const struct folders *folders, const char *path, own char **ret,
                     struct fault *why) MUST_USE;
