/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pumps: bytes between a person's descriptors and a guest's pipes.
 *
 * A terminal or pipe that other programs share stays as it is (blocking); guests get pipes of
 * their own. What cannot be waited for (a regular file, /dev/null) is handed to the guest itself.
 *
 * Belongs here: moving bytes. Does not belong here: who runs (local.h).
 */
#pragma once

#include "base/attr.h"
#include "base/loop.h"

struct fault;
struct pump;

enum pump_direction { PUMP_TO_GUEST, PUMP_FROM_GUEST };

/**
 * pump_open() - connect one of our own standard descriptors with a guest
 * @loop:      borrowed, must outlive it
 * @fd:        0, 1 or 2; borrowed
 * @direction: which way bytes go
 * @ret_guest: the guest's end, owned by the caller; -1 when @fd is not open
 * @ret:       the pump; NULL when there is nothing to move
 * @why:       the reason
 *
 * Return: 0 or negative.
 */
int pump_open(struct loop *loop, int fd, enum pump_direction direction, int *ret_guest,
              own struct pump **ret, struct fault *why) MUST_USE;

/* Tells once when all has been moved: the source has ended, or the other side wants no more. */
void pump_on_done(struct pump *pump, loop_fn *fn, void *owner);

/* NULL in, NULL out. */
struct pump *pump_close(own struct pump *pump);
DEFINE_AUTO(struct pump *, pump_close)
