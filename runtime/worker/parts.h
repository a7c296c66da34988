/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a composition that were told, until the START that they belong to comes.
 *
 * Belongs here: keeping them with their descriptors. Does not belong here: what the engine is given
 * (task.c).
 */
#pragma once

#include "runtime/wire/message.h"
#include "runtime/worker/shelf.h"

struct fault;

struct part {
    struct message_part message;
    int fds[MESSAGE_FDS_MAX]; /* as the message orders them; -1: the engine's, or none */
    size_t count;
};

/* All of one task. */
struct parts {
    struct shelf_place place;
    size_t count;
    own struct part *items[MESSAGE_PARTS_MAX];
};

/**
 * parts_add() - keep one more
 * @shelf: of struct parts, by task
 * @part:  decoded
 * @fds:   taken, and -1 afterwards, on success
 * @count: how many
 * @why:   FAULT_LIMIT
 *
 * Return: 0 or negative.
 */
int parts_add(struct shelf *shelf, const struct message_part *part, int *fds, size_t count,
              struct fault *why) MUST_USE;

/* What was told of a task, which is the caller's from now on; NULL: nothing. */
own struct parts *parts_take(struct shelf *shelf, uint64_t task);

/* Closes what the engine has not taken. NULL in, NULL out. */
struct parts *parts_free(own struct parts *parts);
DEFINE_AUTO(struct parts *, parts_free)

/* Takes all off their shelf and frees them. */
void parts_free_all(struct shelf *shelf);
