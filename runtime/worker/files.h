/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for descriptors: all tasks of a worker share what one process may have, so the last ones are
 * not given to new tasks. A worker full of listeners that can accept nothing serves nobody.
 *
 * Belongs here: how many there are, and the words for none. Does not belong here: files that guests
 * open (runtime/engine).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct fault;
struct message;

/* Descriptors of this process. */
struct files {
    unsigned long limit;
    unsigned long for_tasks; /* numbers below this are; the rest is for connections and files */
};

/* What the kernel says now. */
struct files files_read(void);

/**
 * files_check() - may a task have these?
 * @files: what there is
 * @fds:   that came for it; the kernel has given out all smaller numbers
 * @count: how many
 * @why:   FAULT_LIMIT naming the limit and where it is set
 *
 * Return: 0 or negative.
 */
int files_check(struct files files, const int *fds, size_t count, struct fault *why);

/**
 * files_refuse() - the answer to a message whose descriptors found no room
 * @files:   what there is
 * @message: that came without them
 * @ret:     the answer, if there is one
 * @why:     FAULT_LIMIT
 *
 * Return: is there an answer? Otherwise the worker cannot go on.
 */
bool files_refuse(struct files files, const struct message *message, struct message *ret,
                  struct fault *why);
