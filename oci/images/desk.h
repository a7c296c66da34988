/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The desk of skep-images: takes questions from the socket, has each answered on another thread,
 * sends the answers as they come.
 *
 * Belongs here: packets, what is in progress, letting go of memory when nobody asks.
 * Does not belong here: finding an answer (resolve.h, blobs.h).
 */
#pragma once

#include "base/attr.h"

struct blobs;
struct desk;
struct fault;
struct loop;
struct resolver;

struct desk_plan {
    struct loop *loop;         /* all of them borrowed, outliving the desk */
    struct resolver *resolver; /* NULL: there is no containerd; @broken answers everything */
    struct blobs *blobs;
    const struct fault *broken;
    int connection; /* to containerd, or -1: when it ends, the program has to */
    int socket;     /* packets of protocol.h; blocking */
};

/**
 * desk_new() - start to serve
 * @plan: what with; copied
 * @ret:  the desk
 * @why:  the reason
 *
 * The loop is stopped when the socket has ended, a packet is none of ours, or the connection is
 * lost.
 *
 * Return: 0 or negative.
 */
int desk_new(const struct desk_plan *plan, own struct desk **ret, struct fault *why) MUST_USE;
struct desk *desk_free(own struct desk *desk); /* NULL in, NULL out */
DEFINE_AUTO(struct desk *, desk_free)
