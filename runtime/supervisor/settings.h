/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the administrator of a node has set: /etc/skep/skep.json, or the file that SKEP_CONFIG names.
 *
 *     {"walls": {"accept_missing": ["landlock"]}}
 *
 * No file is an empty one. A member that there is not is an error, because it may be a misspelt
 * wall. docs/SETTINGS.md is for those who write it.
 *
 * Belongs here: reading it. Does not belong here: what a pod asks for (runtime/spec).
 */
#pragma once

#include "base/attr.h"

struct fault;

#define SETTINGS_PATH "/etc/skep/skep.json"
enum { SETTINGS_BYTES_MAX = 64 * 1024, SETTINGS_WALLS_MAX = 16, SETTINGS_ACCEPT_ROOM = 512 };

struct settings {
    char accept[SETTINGS_ACCEPT_ROOM]; /* names for sandbox_accept(), separated by ',' */
};

/**
 * settings_read() - the node's settings
 * @ret: all of them, with what holds where nothing is said
 * @why: the file and what is wrong in it
 *
 * Return: 0 or negative. Thread: any, before others change the environment.
 */
int settings_read(struct settings *ret, struct fault *why) MUST_USE;
