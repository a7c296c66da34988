/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: descriptors, timers, signals, children, and work for other threads; over libuv.
 *
 * Belongs here: waiting. Callbacks run on the loop's thread, must not block, and may close or free
 * any source, their own included: a closed source never calls again.
 * Does not belong here: reading, writing, what any event means.
 *
 * All functions belong to the loop's thread, except loop_wake() and the work function of
 * loop_work().
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct fault;
struct loop;
struct loop_io;
struct loop_timer;
struct loop_signal;
struct loop_child;
struct loop_waker;
struct loop_turn;

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };

typedef void loop_io_fn(void *owner, unsigned events);
typedef void loop_fn(void *owner);
/* status: as of waitpid(2) */
typedef void loop_child_fn(void *owner, int status);

int loop_new(own struct loop **ret, struct fault *why) MUST_USE;
struct loop *loop_free(own struct loop *loop); /* every source must be closed before */
DEFINE_AUTO(struct loop *, loop_free)

/**
 * loop_run() - serve events until loop_stop()
 * @loop: the loop
 */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/**
 * loop_watch() - call when a descriptor is ready
 * @loop:   the loop
 * @fd:     pollable; borrowed, must stay open until loop_io_close()
 * @events: LOOP_READ | LOOP_WRITE | LOOP_HANGUP, or 0 for not yet
 * @fn:     called with the events that hold; errors show as LOOP_READ (a read will tell)
 * @owner:  for @fn
 *
 * Return: the source, for loop_io_close(); NULL when @fd cannot be polled (regular files).
 */
own struct loop_io *loop_watch(struct loop *loop, int fd, unsigned events, loop_io_fn *fn,
                               void *owner) MUST_USE;
void loop_io_want(struct loop_io *io, unsigned events);
struct loop_io *loop_io_close(own struct loop_io *io); /* before the descriptor is closed */

own struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *owner) MUST_USE;
/* Arms for once after @after_ns (rounded up to a millisecond), replacing what was armed. */
void loop_timer_set(struct loop_timer *timer, uint64_t after_ns);
void loop_timer_stop(struct loop_timer *timer);
struct loop_timer *loop_timer_free(own struct loop_timer *timer);

own struct loop_signal *loop_signal_new(struct loop *loop, int number, loop_fn *fn,
                                        void *owner) MUST_USE;
struct loop_signal *loop_signal_free(own struct loop_signal *source);

/**
 * loop_child_new() - call once when a child process has ended, and reap it
 * @loop:  the loop
 * @pid:   a child of this process that nobody else reaps
 * @fn:    called once with the status; the source is closed before the call
 * @owner: for @fn
 * @why:   the reason
 *
 * Return: the source (NULL on failure). loop_child_forget() gives up watching: the child is then
 * reaped silently when it ends.
 */
own struct loop_child *loop_child_new(struct loop *loop, int pid, loop_child_fn *fn, void *owner,
                                      struct fault *why) MUST_USE;
struct loop_child *loop_child_forget(own struct loop_child *child);

/**
 * loop_work() - run something that blocks on another thread
 * @loop: the loop
 * @work: runs on a thread of the pool, touching only @owner's part that is set aside for it
 * @done: runs on the loop's thread afterwards, always
 * @owner: for both; must live until @done
 */
void loop_work(struct loop *loop, loop_fn *work, loop_fn *done, void *owner);

/* Calls @fn on the loop's thread soon after loop_wake() from any thread; wakes may coalesce. */
own struct loop_waker *loop_waker_new(struct loop *loop, loop_fn *fn, void *owner) MUST_USE;
void loop_wake(struct loop_waker *waker); /* Thread: any. */
struct loop_waker *loop_waker_free(own struct loop_waker *waker);

/* Calls @fn once in the loop's next turn after loop_turn_ask(), without a system call. */
own struct loop_turn *loop_turn_new(struct loop *loop, loop_fn *fn, void *owner) MUST_USE;
void loop_turn_ask(struct loop_turn *turn);
struct loop_turn *loop_turn_free(own struct loop_turn *turn);
