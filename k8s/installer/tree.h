/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of files: copied whole, removed whole.
 *
 * Belongs here: folders, regular files, links; nothing else is copied.
 * Does not belong here: which trees (programs).
 */
#pragma once

#include "base/attr.h"

struct fault;

enum { TREE_DEPTH_MAX = 16, TREE_FILES_MAX = 4096 };

/**
 * tree_copy() - a copy beside others, on disk before its name is
 * @from: the folder to copy
 * @to:   the folder where it goes
 * @name: its name there; a tree of this name must not be there
 * @why:  the reason, with the file's name
 *
 * Modes stay; the owner is who calls. What a failure leaves has a name that begins with "." and is
 * removed by the next call.
 *
 * Return: 0 or negative.
 */
int tree_copy(int from, int to, const char *name, struct fault *why) MUST_USE;

/**
 * tree_remove() - a tree or a file, with all in it
 * @dir:  where it is
 * @name: its name; none there: 0
 * @why:  the reason
 *
 * Return: 0 or negative.
 */
int tree_remove(int dir, const char *name, struct fault *why) MUST_USE;
