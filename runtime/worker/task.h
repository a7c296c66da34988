/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task of the worker: from a START with its descriptors to a running component.
 *
 * Belongs here: the grant as the engine wants it.
 * Does not belong here: messages (worker.c), running (runtime/engine).
 */
#pragma once

#include "runtime/engine/engine.h"
#include "runtime/wire/message.h"

struct fault;
struct grant_limits;
struct parts;
struct stats_page;

/* The engine's words for limits. */
void task_limits(const struct grant_limits *limits, struct engine_limits *ret);

struct task_start {
    const struct message_start *message;
    int *fds; /* as the message orders them; those that the engine took are -1 afterwards */
    size_t count;
    struct parts *parts; /* of a composition; what the engine took is -1 afterwards; NULL: none */
    struct engine_component *component;
    struct stats_page *page;
    const struct engine_watcher *watcher;
};

/**
 * task_start() - start a component within the grant that came
 * @start: what came; on failure all descriptors stay in @start->fds
 * @ret:   the task; the caller's
 * @why:   the reason: a grant that does not decode, an engine that refuses
 *
 * Return: 0 or negative.
 */
int task_start(struct task_start *start, struct engine_task **ret, struct fault *why) MUST_USE;
