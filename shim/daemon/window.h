/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The window: what root can see of this daemon's containers, over HTTP at FOLDER/metrics.sock.
 *
 *   GET /metrics      Prometheus text, exposition format 0.0.4
 *   GET /containers   a line of JSON for each container
 *
 * One question a connection. An answer is made while it is sent, a piece at a time, so that it
 * neither holds the loop up nor lies in memory; a container that goes meanwhile is in some lines
 * and not in others.
 *
 * Belongs here: the socket, its callers and their maxima. Does not belong here: the words
 * (runtime/stats/metrics.h), changing anything.
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"

struct fault;
struct loop;
struct pods;
struct window;

enum {
    WINDOW_ONLOOKERS_MAX = 16,  /* one more is hung up on */
    WINDOW_PIECE_BYTES = 16384, /* made at a time: a fraction of a millisecond */
    WINDOW_ASK_SECONDS = 10,    /* from a connection to its question */
    WINDOW_STALL_SECONDS = 10,  /* for which an onlooker may take nothing of the answer */
    WINDOW_ANSWER_SECONDS = 120, /* from the question to the end of the answer */
};

/**
 * window_new() - listen
 * @loop:   borrowed, must outlive it
 * @pods:   the same
 * @folder: the state folder; copied
 * @ret:    the window
 * @why:    the reason
 *
 * Replaces a socket file of a daemon that is dead.
 *
 * Return: 0 or negative.
 */
int window_new(struct loop *loop, struct pods *pods, const char *folder, own struct window **ret,
               struct fault *why) MUST_USE;
/* Hangs up. NULL in, NULL out. */
struct window *window_free(own struct window *window);
DEFINE_AUTO(struct window *, window_free)

/* Connections that are open. */
size_t window_onlookers(const struct window *window);

/* Takes its name away: nobody finds it any more. */
void window_unlink(const struct window *window);
