/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker is gone when both its connection and its process are: messages that it sent before it
 * died are still read, and the reason of its death is known, before anybody is told.
 */
#include "runtime/supervisor/worker_process.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "runtime/broker/sockets.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/stats/switchboard.h"
#include "runtime/supervisor/look.h"
#include "runtime/supervisor/spawn.h"
#include "runtime/supervisor/worker_tasks.h"

enum { WORKER_LOOK_S = 30 };

/* Kills a process that nobody will ask about. */
static void process_drop(struct loop *loop, int pid)
{
    struct fault ignored;

    if (pid > 0) {
        (void)kill(pid, SIGKILL);
        (void)loop_child_forget(loop_child_new(loop, pid, NULL, NULL, &ignored));
    }
}

/* The sentence for a death. */
static void death_word(const struct worker_process *worker, struct fault *ret)
{
    char words[224] = "";

    if (worker->last_words[0] != '\0') {
        (void)snprintf(words, sizeof(words), "; its last words: %s", worker->last_words);
    }
    if (worker->broken.kind != FAULT_NONE) {
        *ret = worker->broken;
    } else if (WIFEXITED(worker->status)) {
        (void)fault(ret, FAULT_UNAVAILABLE, "its worker ended with status %d%s",
                    WEXITSTATUS(worker->status), words);
    } else if (WTERMSIG(worker->status) == SIGSYS) {
        (void)fault(ret, FAULT_UNAVAILABLE,
                    "its worker was stopped at a forbidden system call (signal 31)%s", words);
    } else {
        (void)fault(ret, FAULT_UNAVAILABLE, "its worker died of signal %d (%s)%s",
                    WTERMSIG(worker->status), strsignal(WTERMSIG(worker->status)), words);
    }
}

static void worker_gone(struct worker_process *worker)
{
    struct fault why = {0};

    if (worker->channel || worker->child || worker->spawn) {
        return;
    }
    loop_timer_stop(worker->timer);
    death_word(worker, &why);
    log_debug("worker gone", "domain=%s pid=%d why=%s", worker->domain, worker->pid, why.text);
    tasks_lose(worker, &why);
    worker->events.on_gone(worker->owner);
}

void worker_process_end(struct worker_process *worker, const struct fault *why)
{
    laters_remove(worker->laters, &worker->end);
    worker->desk = sockets_dismiss(worker->desk);
    if (why && worker->broken.kind == FAULT_NONE) {
        worker->broken = *why;
    }
    worker->channel = channel_free(worker->channel);
    if (why && worker->child) {
        (void)kill(worker->pid, SIGKILL);
    }
    if (worker->state != WORKER_ENDING) {
        worker->state = WORKER_ENDING;
        worker->events.on_ending(worker->owner);
    }
    loop_timer_set(worker->timer, WORKER_LINGER_S * NS_PER_S);
    worker_gone(worker);
}

static void end_later(void *owner)
{
    struct worker_process *worker = (struct worker_process *)owner;

    worker_process_end(worker, &worker->broken);
}

void worker_process_send(struct worker_process *worker, const struct message *message,
                         const int *fds, size_t count)
{
    struct fault why = {0};

    if (!worker->channel) {
        for (size_t i = 0; i < count; i++) {
            (void)fd_close(fds[i]);
        }
        return;
    }
    /* A peer that is gone is told by the channel's own end; one that does not read is ended. */
    if (channel_send(worker->channel, message, fds, count, &why) < 0 && why.kind == FAULT_LIMIT &&
        worker->broken.kind == FAULT_NONE) {
        (void)fault(&worker->broken, FAULT_UNAVAILABLE, "its worker does not answer: %s", why.text);
        laters_add(worker->laters, &worker->end);
    }
}

static void child_ended(void *owner, int status)
{
    struct worker_process *worker = (struct worker_process *)owner;

    worker->child = NULL;
    worker->status = status;
    if (worker->channel) { /* what it said before is still read, then on_end comes */
        loop_timer_set(worker->timer, WORKER_LINGER_S * NS_PER_S);
        return;
    }
    worker_gone(worker);
}

/* A look around, twice a minute. Return: has nothing been asked of it for long? */
static bool is_idle(struct worker_process *worker)
{
    uint64_t now = clock_now_ns();

    loads_sweep(worker);
    if (!RB_EMPTY(&worker->tasks)) {
        worker->idle_since_ns = 0;
        return false;
    }
    if (worker->idle_since_ns == 0) {
        worker->idle_since_ns = now;
    }
    return now - worker->idle_since_ns >= WORKER_IDLE_S * NS_PER_S;
}

static void timer_fired(void *owner)
{
    struct worker_process *worker = (struct worker_process *)owner;
    struct fault why = {0};

    if (!worker->child) { /* its process is gone, its connection still open */
        worker_process_end(worker, NULL);
    } else if (worker->state == WORKER_ENDING) {
        (void)kill(worker->pid, SIGKILL);
    } else if (worker->state == WORKER_GREETING) {
        (void)fault(&why, FAULT_TIMEOUT, "its worker was not ready within %d seconds",
                    WORKER_READY_S);
        worker_process_end(worker, &why);
    } else if (is_idle(worker)) {
        worker_process_end(worker, NULL);
    } else {
        loop_timer_set(worker->timer, WORKER_LOOK_S * NS_PER_S);
    }
}

/* Its calls of socket(2) are answered from now on. */
static int open_desk(struct worker_process *worker, int *fds, struct fault *why)
{
    return worker->sockets ? sockets_admit(worker->sockets, TAKE_FD(fds[0]), worker->board,
                                           &worker->desk, why)
                           : 0;
}

static int worker_ready(struct worker_process *worker, const struct message_ready *ready, int *fds,
                        struct fault *why)
{
    const struct look_plan look = {worker->pid, worker->user, worker->accept};

    if (worker->user != 0 && look_at(&look, why) < 0) {
        return fault_while(why, "its walls were looked at");
    }
    if (ready->sockets != 0) {
        TRY(open_desk(worker, fds, why));
    }
    worker->state = WORKER_READY;
    log_line(ready->complete ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "worker ready",
             "domain=%s pid=%d instances=%u walls=%s", worker->domain, worker->pid,
             ready->instances, ready->walls);
    loop_timer_set(worker->timer, WORKER_LOOK_S * NS_PER_S);
    loads_begin(worker);
    return 0;
}

static void on_message(void *owner, const struct message *message, int *fds, size_t count)
{
    struct worker_process *worker = (struct worker_process *)owner;
    struct fault why = {0};
    int done = 0;

    (void)count; /* as many as the message says; the channel has checked */
    if (!worker_may_say(worker, message->kind)) {
        done = fault(&why, FAULT_INTERNAL, "%s at the wrong time", message_name(message->kind));
    } else if (message->kind == MESSAGE_LOG) {
        worker_log(worker, &message->log);
    } else if (message->kind == MESSAGE_READY) {
        done = worker_ready(worker, &message->ready, fds, &why);
    } else {
        done = tasks_message(worker, message, &why);
    }
    if (done < 0) {
        (void)fault_while(&why, "its worker broke the protocol");
        log_warn("worker ended", "domain=%s pid=%d why=%s", worker->domain, worker->pid, why.text);
        why.kind = FAULT_UNAVAILABLE;
        worker_process_end(worker, &why);
    }
}

static void on_end(void *owner, const struct fault *failed)
{
    struct worker_process *worker = (struct worker_process *)owner;
    struct fault why = {0};

    if (failed) {
        why = *failed;
        (void)fault_while(&why, "its worker broke the protocol");
        why.kind = FAULT_UNAVAILABLE;
    }
    worker_process_end(worker, failed ? &why : NULL);
}

static int greet(struct worker_process *worker, struct fault *why)
{
    const struct message hello = {.kind = MESSAGE_HELLO,
                                  .hello = {.version = MESSAGE_VERSION,
                                            .threads = worker->threads,
                                            .instances = worker->instances}};
    int fds[2];

    fds[0] = fd_duplicate(stats_page_memory(worker->page));
    fds[1] = fd_duplicate(switchboard_memory(worker->board));
    if (fds[0] < 0 || fds[1] < 0) {
        int err = fds[0] < 0 ? fds[0] : fds[1];

        (void)fd_close(fds[0]);
        (void)fd_close(fds[1]);
        return fault_sys(why, err, "share the stats page and the switchboard");
    }
    return channel_send(worker->channel, &hello, fds, ARRAY_SIZE(fds), why);
}

static int spawn_take(struct worker_process *worker, struct spawn *spawn, struct fault *why)
{
    const struct channel_events events = {.on_message = on_message, .on_end = on_end};

    if (spawn->failed.kind != FAULT_NONE) {
        *why = spawn->failed;
        return -1;
    }
    worker->pid = spawn->pid;
    worker->child = loop_child_new(worker->loop, spawn->pid, child_ended, worker, why);
    if (!worker->child) {
        (void)kill(spawn->pid, SIGKILL);
        return -1;
    }
    TRY(channel_new(worker->loop, TAKE_FD(spawn->socket), MESSAGE_UP, &events, worker,
                    &worker->channel, why));
    /* A worker that is gone already is told by its end, which knows the reason. */
    return greet(worker, why) < 0 && why->kind != FAULT_UNAVAILABLE ? -1 : 0;
}

static void spawn_done(void *owner)
{
    struct spawn *spawn = (struct spawn *)owner;
    struct worker_process *worker = spawn->worker;
    struct fault why = {0};

    if (!worker) {
        process_drop(spawn->loop, spawn->failed.kind == FAULT_NONE ? spawn->pid : -1);
        (void)spawn_free(spawn);
        return;
    }
    worker->spawn = NULL;
    worker->state = WORKER_GREETING;
    loop_timer_set(worker->timer, WORKER_READY_S * NS_PER_S);
    if (spawn_take(worker, spawn, &why) < 0) {
        (void)fault_while(&why, "start a worker");
        worker_process_end(worker, &why);
    }
    (void)spawn_free(spawn);
}

int worker_process_new(const struct worker_process_plan *plan,
                       const struct worker_process_events *events, void *owner,
                       own struct worker_process **ret, struct fault *why)
{
    AUTO(worker_process_free) struct worker_process *worker = NEW(struct worker_process);
    struct spawn *spawn = NULL;

    worker->loop = plan->loop;
    worker->laters = plan->laters;
    worker->domain = COPY_TEXT(plan->domain);
    worker->threads = plan->threads;
    worker->instances = plan->instances;
    worker->accept = COPY_TEXT(plan->accept ? plan->accept : "");
    worker->user = plan->keep_user ? 0 : sandbox_user(SANDBOX_WORKER);
    worker->events = *events;
    worker->owner = owner;
    worker->next_id = 1;
    worker->end = (struct later){.fn = end_later, .owner = worker};
    RB_INIT(&worker->tasks);
    TAILQ_INIT(&worker->loads);
    worker->sockets = plan->sockets;
    TRY(stats_page_new(&worker->page, why));
    TRY(switchboard_new(&worker->board, why));
    worker->timer = loop_timer_new(plan->loop, timer_fired, worker);
    spawn = spawn_new(plan);
    spawn->worker = worker;
    worker->spawn = spawn;
    loop_work(plan->loop, spawn_work, spawn_done, spawn);
    *ret = TAKE(worker);
    return 0;
}

struct worker_process *worker_process_free(own struct worker_process *worker)
{
    if (!worker) {
        return NULL;
    }
    if (worker->spawn) {
        worker->spawn->worker = NULL;
    }
    laters_remove(worker->laters, &worker->end);
    tasks_fini(worker);
    worker->channel = channel_free(worker->channel);
    if (worker->child) {
        (void)kill(worker->pid, SIGKILL);
        worker->child = loop_child_forget(worker->child);
    }
    worker->timer = loop_timer_free(worker->timer);
    worker->desk = sockets_dismiss(worker->desk);
    worker->page = stats_page_free(worker->page);
    worker->board = switchboard_free(worker->board);
    free(worker->domain);
    free(worker->accept);
    free(worker);
    return NULL;
}
