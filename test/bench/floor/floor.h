/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: the least that containerd lets a shim be. A static launcher, one daemon that answers
 * every call at once, and nothing runs. What Skep adds to its times is Skep; the rest is containerd.
 *
 * Belongs here: what launcher and daemon share. Does not belong here: anything of Skep.
 */
#pragma once

/* The environment's name for the path of the one socket; containerd passes its own on. */
#define FLOOR_SOCKET "FLOOR_SOCKET"

enum {
    FLOOR_LISTENER = 3,     /* the daemon's listening socket */
    FLOOR_PID = 4194305,    /* what it reports: a number that no process has, as Skep does */
    FLOOR_IDLE_SECONDS = 60 /* without a connection; then the daemon ends */
};
