/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The screen: a terminal taken over for a while, and given back however the program ends.
 *
 * Belongs here: modes of the terminal, signals, waiting for a key.
 * Does not belong here: what is shown.
 *
 * There is one, because there is one terminal and signals are the process's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;
struct fault;

enum {
    SCREEN_TIME = 0,   /* the time is over */
    SCREEN_ENDED = -1, /* a signal asks to end: close, then screen_raise() */
    SCREEN_RESIZED = -2,
};

/* Whether keys and a screen are there: stdin and stdout are terminals. */
bool screen_is_possible(void);

/**
 * screen_open() - take the terminal over
 * @why: the reason
 *
 * Return: 0 or negative.
 */
int screen_open(struct fault *why) MUST_USE;
void screen_close(void); /* also when it is not open */

/* The size in characters. */
void screen_size(size_t *ret_width, size_t *ret_height);

/* Show lines, each ended by a newline, from the top; what was there goes. */
void screen_show(const struct buf *lines);

/**
 * screen_key() - wait for a key
 * @until_ns: of the monotonic clock
 *
 * Stopped by SIGTSTP it gives the terminal back, and takes it again when it goes on.
 *
 * Return: the key, a byte above 0; or SCREEN_TIME, SCREEN_ENDED, SCREEN_RESIZED.
 */
int screen_key(uint64_t until_ns);

/* Whether a signal asks to end; system calls come back with EINTR then. */
bool screen_is_ended(void);

/* Ends the program by the signal that asked for it, so that whoever waits sees that. */
void screen_raise(void);
