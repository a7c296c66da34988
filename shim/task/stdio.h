/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stdio of a guest: the names that containerd gave, as descriptors for a run.
 *
 *   ""            none
 *   /path         a FIFO of the client, or a file to append to
 *   file:///path  a file to append to, made if missing
 *   binary://…    a logger program that reads a pipe (logger.h); the same for both streams
 *
 * Of each FIFO we keep an end of our own: the client's may go and come again without the guest
 * seeing EPIPE or end-of-file, and nothing that was written is lost meanwhile.
 *
 * Belongs here: opening, the kept ends, the last words on stderr.
 * Does not belong here: copying bytes (nobody does: the run writes into the FIFO itself).
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "runtime/supervisor/run.h"

struct fault;
struct loop;
struct stdio;

/* Borrowed for the call. */
struct stdio_plan {
    const char *in; /* containerd's texts */
    const char *out;
    const char *err;
    bool terminal; /* refused: a component has no terminal */
    const char *namespace_id; /* for a logger's environment */
    const char *id;
};

/**
 * stdio_open() - open all three
 * @plan: what is wanted
 * @ret:  the descriptors
 * @why:  the reason, naming the path
 *
 * Blocks: on file systems, and on a logger until it says that it is ready.
 *
 * Return: 0 or negative. Thread: any.
 */
int stdio_open(const struct stdio_plan *plan, own struct stdio **ret, struct fault *why) MUST_USE;

/**
 * stdio_take() - the ends for the run; once
 * @stdio: the stdio
 * @ret:   descriptors, owned by the caller; -1 for none
 * @why:   the reason
 *
 * Return: 0 or negative.
 */
int stdio_take(struct stdio *stdio, struct run_stdio *ret, struct fault *why) MUST_USE;

/* The client has closed its end of stdin: let the guest see the end of it. */
void stdio_close_in(struct stdio *stdio);

/**
 * stdio_say() - last words on stderr, after the run has closed its ends
 * @stdio: the stdio
 * @loop:  where to wait while the client has not read what is in front
 * @text:  one sentence; written as "skep: <text>\n"
 * @done:  told in a later turn: written, or given up after STDIO_SAY_NS
 * @owner: for @done
 */
void stdio_say(struct stdio *stdio, struct loop *loop, const char *text, void (*done)(void *owner),
               void *owner);

enum { STDIO_SAY_NS = 1000000000 };

/**
 * stdio_close() - close everything; the client's readers see the end
 * @stdio: NULL in, NULL out; a wait for last words is given up, without being told
 * @loop:  where to wait for a logger that still has to end
 *
 * Return: NULL.
 */
struct stdio *stdio_close(own struct stdio *stdio, struct loop *loop);
