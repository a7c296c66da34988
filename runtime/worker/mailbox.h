/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mailbox: what engine threads tell the worker's loop.
 *
 * Belongs here: handing over endings and log lines, none lost, no engine thread ever blocked on the
 * supervisor.
 * Does not belong here: what is done with them (worker.c).
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "runtime/engine/engine.h"

struct loop;
struct mailbox;

struct mailbox_events {
    void (*on_ending)(void *owner, uint64_t task, const struct engine_exit *end);
    void (*on_log)(void *owner, enum engine_log_level level, const char *text);
};

enum {
    MAILBOX_LOG_MAX = 1024, /* log lines that wait; more are counted and one line says how many */
    MAILBOX_LINE_MAX = 400,
};

/**
 * mailbox_new() - an empty mailbox
 * @loop:   on whose thread @events are called; borrowed, must outlive it
 * @events: copied
 * @owner:  for @events
 *
 * Return: the mailbox.
 */
own struct mailbox *mailbox_new(struct loop *loop, const struct mailbox_events *events,
                                void *owner) MUST_USE;

/* Once no engine thread can put anything any more. NULL in, NULL out. */
struct mailbox *mailbox_free(own struct mailbox *mailbox);
DEFINE_AUTO(struct mailbox *, mailbox_free)

/**
 * mailbox_put_ending() - a task has ended
 * @mailbox: the mailbox
 * @task:    its id
 * @end:     copied
 *
 * Thread: any.
 */
void mailbox_put_ending(struct mailbox *mailbox, uint64_t task, const struct engine_exit *end);

/* A line for the log; cut at MAILBOX_LINE_MAX. Thread: any. */
void mailbox_put_log(struct mailbox *mailbox, enum engine_log_level level, const char *text);
