/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libuv closes handles in a later turn of its loop, so every source here is a heap object whose
 * memory leaves in the close callback; the owner's pointer is dead at once.
 */
#include "base/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"

struct loop {
    uv_loop_t uv;
    struct loop_child *forgotten; /* whose processes have not ended */
};

struct loop_io {
    uv_poll_t uv; /* first: handles are freed by this address */
    loop_io_fn *fn;
    void *owner;
    unsigned wanted; /* events that the kernel was told of */
};

struct loop_timer {
    uv_timer_t uv;
    loop_fn *fn;
    void *owner;
};

struct loop_signal {
    uv_signal_t uv;
    loop_fn *fn;
    void *owner;
};

struct loop_waker {
    uv_async_t uv;
    loop_fn *fn;
    void *owner;
};

struct loop_turn {
    uv_idle_t uv; /* while it runs, the loop looks for events but does not wait for them */
    loop_fn *fn;
    void *owner;
};

struct loop_child {
    struct loop *loop;
    struct loop_child *next; /* among the forgotten */
    struct loop_io *io;
    loop_child_fn *fn; /* NULL when forgotten */
    void *owner;
    int pidfd;
    int pid;
};

struct job {
    uv_work_t uv;
    loop_fn *work;
    loop_fn *done;
    void *owner;
};

static void handle_closed(uv_handle_t *handle)
{
    free(handle);
}

static void handle_close(void *handle)
{
    uv_close((uv_handle_t *)handle, handle_closed);
}

/* The process goes on; nobody watches it any more. */
static void child_free(own struct loop_child *child)
{
    child->io = loop_io_close(child->io);
    (void)fd_close(child->pidfd);
    free(child);
}

int loop_new(own struct loop **ret, struct fault *why)
{
    struct loop *loop = NEW(struct loop);
    int done = uv_loop_init(&loop->uv);

    if (done < 0) {
        free(loop);
        return fault_sys(why, done, "make an event loop");
    }
    *ret = loop;
    return 0;
}

struct loop *loop_free(own struct loop *loop)
{
    if (loop) {
        while (loop->forgotten) {
            struct loop_child *child = loop->forgotten;

            loop->forgotten = child->next;
            child_free(child);
        }
        /* One more turn, so that closed sources leave. */
        (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
        (void)uv_loop_close(&loop->uv);
        free(loop);
    }
    return NULL;
}

void loop_run(struct loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

static void io_ready(uv_poll_t *poll, int status, int events)
{
    struct loop_io *io = (struct loop_io *)(void *)poll;
    unsigned what = 0;

    if (status < 0) {
        io->wanted = 0; /* libuv has stopped it */
    }
    what |= status < 0 || (events & UV_READABLE) != 0 ? (unsigned)LOOP_READ : 0U;
    what |= (events & UV_WRITABLE) != 0 ? (unsigned)LOOP_WRITE : 0U;
    what |= (events & UV_DISCONNECT) != 0 ? (unsigned)LOOP_HANGUP : 0U;
    io->fn(io->owner, what);
}

own struct loop_io *loop_watch(struct loop *loop, int fd, unsigned events, loop_io_fn *fn,
                               void *owner)
{
    struct loop_io *io = NEW(struct loop_io);

    io->fn = fn;
    io->owner = owner;
    if (uv_poll_init(&loop->uv, &io->uv, fd) < 0) {
        free(io);
        return NULL;
    }
    loop_io_want(io, events);
    return io;
}

void loop_io_want(struct loop_io *io, unsigned events)
{
    int what = 0;

    if (events == io->wanted) {
        return; /* libuv would forget the descriptor and add it anew: two system calls */
    }
    io->wanted = events;
    what |= (events & LOOP_READ) != 0 ? UV_READABLE : 0;
    what |= (events & LOOP_WRITE) != 0 ? UV_WRITABLE : 0;
    what |= (events & LOOP_HANGUP) != 0 ? UV_DISCONNECT : 0;
    if (what == 0) {
        (void)uv_poll_stop(&io->uv);
    } else {
        (void)uv_poll_start(&io->uv, what, io_ready);
    }
}

struct loop_io *loop_io_close(own struct loop_io *io)
{
    if (io) {
        handle_close(&io->uv);
    }
    return NULL;
}

own struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *owner)
{
    struct loop_timer *timer = NEW(struct loop_timer);

    timer->fn = fn;
    timer->owner = owner;
    (void)uv_timer_init(&loop->uv, &timer->uv);
    return timer;
}

static void timer_fired(uv_timer_t *uv)
{
    struct loop_timer *timer = (struct loop_timer *)(void *)uv;

    timer->fn(timer->owner);
}

void loop_timer_set(struct loop_timer *timer, uint64_t after_ns)
{
    uv_update_time(timer->uv.loop);
    (void)uv_timer_start(&timer->uv, timer_fired, (after_ns + NS_PER_MS - 1) / NS_PER_MS, 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
    (void)uv_timer_stop(&timer->uv);
}

struct loop_timer *loop_timer_free(own struct loop_timer *timer)
{
    if (timer) {
        handle_close(&timer->uv);
    }
    return NULL;
}

static void signal_came(uv_signal_t *uv, int number)
{
    struct loop_signal *source = (struct loop_signal *)(void *)uv;

    (void)number;
    source->fn(source->owner);
}

own struct loop_signal *loop_signal_new(struct loop *loop, int number, loop_fn *fn, void *owner)
{
    struct loop_signal *source = NEW(struct loop_signal);

    source->fn = fn;
    source->owner = owner;
    (void)uv_signal_init(&loop->uv, &source->uv);
    (void)uv_signal_start(&source->uv, signal_came, number);
    return source;
}

struct loop_signal *loop_signal_free(own struct loop_signal *source)
{
    if (source) {
        handle_close(&source->uv);
    }
    return NULL;
}

static void child_ended(void *owner, unsigned events)
{
    struct loop_child *child = (struct loop_child *)owner;
    loop_child_fn *fn = child->fn;
    void *for_fn = child->owner;
    struct loop_child **at = &child->loop->forgotten;
    int status = 0;
    int got;

    (void)events;
    do {
        got = waitpid(child->pid, &status, WNOHANG);
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        return;
    }
    while (*at && *at != child) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = child->next;
    }
    child_free(child);
    if (fn) {
        fn(for_fn, got < 0 ? 0 : status);
    }
}

own struct loop_child *loop_child_new(struct loop *loop, int pid, loop_child_fn *fn, void *owner,
                                      struct fault *why)
{
    struct loop_child *child = NULL;
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (pidfd < 0) {
        (void)fault_sys(why, -errno, "watch process %d", pid);
        return NULL;
    }
    child = NEW(struct loop_child);
    child->loop = loop;
    child->fn = fn;
    child->owner = owner;
    child->pid = pid;
    child->pidfd = pidfd;
    child->io = loop_watch(loop, pidfd, LOOP_READ, child_ended, child);
    if (!child->io) {
        (void)fd_close(pidfd);
        free(child);
        (void)fault(why, FAULT_SYSTEM, "watch process %d", pid);
        return NULL;
    }
    return child;
}

struct loop_child *loop_child_forget(own struct loop_child *child)
{
    if (child) {
        child->fn = NULL;
        child->next = child->loop->forgotten;
        child->loop->forgotten = child;
    }
    return NULL;
}

static void job_work(uv_work_t *uv)
{
    struct job *job = OWNER_OF(uv, struct job, uv);

    job->work(job->owner);
}

static void job_done(uv_work_t *uv, int status)
{
    struct job *job = OWNER_OF(uv, struct job, uv);
    loop_fn *done = job->done;
    void *owner = job->owner;

    (void)status;
    free(job);
    done(owner);
}

void loop_work(struct loop *loop, loop_fn *work, loop_fn *done, void *owner)
{
    struct job *job = NEW(struct job);

    job->work = work;
    job->done = done;
    job->owner = owner;
    (void)uv_queue_work(&loop->uv, &job->uv, job_work, job_done);
}

static void waker_woken(uv_async_t *uv)
{
    struct loop_waker *waker = (struct loop_waker *)(void *)uv;

    waker->fn(waker->owner);
}

own struct loop_waker *loop_waker_new(struct loop *loop, loop_fn *fn, void *owner)
{
    struct loop_waker *waker = NEW(struct loop_waker);

    waker->fn = fn;
    waker->owner = owner;
    (void)uv_async_init(&loop->uv, &waker->uv, waker_woken);
    return waker;
}

void loop_wake(struct loop_waker *waker)
{
    (void)uv_async_send(&waker->uv);
}

struct loop_waker *loop_waker_free(own struct loop_waker *waker)
{
    if (waker) {
        handle_close(&waker->uv);
    }
    return NULL;
}

static void turn_came(uv_idle_t *uv)
{
    struct loop_turn *turn = (struct loop_turn *)(void *)uv;

    (void)uv_idle_stop(uv); /* first: the owner may ask again */
    turn->fn(turn->owner);
}

own struct loop_turn *loop_turn_new(struct loop *loop, loop_fn *fn, void *owner)
{
    struct loop_turn *turn = NEW(struct loop_turn);

    turn->fn = fn;
    turn->owner = owner;
    (void)uv_idle_init(&loop->uv, &turn->uv);
    return turn;
}

void loop_turn_ask(struct loop_turn *turn)
{
    (void)uv_idle_start(&turn->uv, turn_came);
}

struct loop_turn *loop_turn_free(own struct loop_turn *turn)
{
    if (turn) {
        handle_close(&turn->uv);
    }
    return NULL;
}
