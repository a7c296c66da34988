/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of a run that was started. Before START is sent it is a wish, sent right behind
 * it; before the run was started, and after its end, it is nothing.
 */
#include "runtime/engine/counters.h"
#include "runtime/supervisor/run_inside.h"

void run_send_wishes(struct run *run)
{
    struct message update = {.kind = MESSAGE_UPDATE, .update = {.limits = run->wishes.limits}};
    struct message pause = {.kind = MESSAGE_PAUSE};
    struct message drain = {.kind = MESSAGE_DRAIN, .drain = {.grace_ns = run->wishes.grace_ns}};
    struct message kill = {.kind = MESSAGE_KILL};

    if (run->wishes.update) {
        worker_task_send(run->task, &update);
    }
    if (run->wishes.pause) {
        worker_task_send(run->task, &pause);
    }
    if (run->wishes.drain) {
        worker_task_send(run->task, &drain);
    }
    if (run->wishes.kill) {
        worker_task_send(run->task, &kill);
    }
    run->wishes = (struct wishes){0};
}

uint16_t run_port(const struct run *run)
{
    return run->opened.port;
}

/* Sends a message, or remembers the wish. Return: whether it is to be remembered. */
static bool run_send(struct run *run, struct message *message)
{
    if ((run->state == RUN_STARTING || run->state == RUN_LINKING) && !run->is_sent) {
        return true;
    }
    if (run->state == RUN_STARTING || run->state == RUN_LINKING || run->state == RUN_RUNNING) {
        worker_task_send(run->task, message);
    }
    return false;
}

/* One that is not linked yet need not wait for its end; a library takes itself back. */
static void run_end_early(struct run *run)
{
    if (run->state == RUN_LINKING && !run->is_sent) {
        laters_add(run->supervisor->laters, &run->later);
    } else if (run->state == RUN_PROVIDING) {
        run->state = RUN_OVER;
        link_end(run);
        run_close(run);
    }
}

void run_kill(struct run *run)
{
    struct message message = {.kind = MESSAGE_KILL};

    run->wishes.kill |= run_send(run, &message);
    run_end_early(run);
}

void run_drain(struct run *run, uint64_t grace_ns)
{
    struct message message = {.kind = MESSAGE_DRAIN, .drain = {.grace_ns = grace_ns}};

    if (run_send(run, &message)) {
        run->wishes.drain = true;
        run->wishes.grace_ns = grace_ns;
    }
    run_end_early(run);
}

void run_pause(struct run *run)
{
    struct message message = {.kind = MESSAGE_PAUSE};

    run->wishes.pause |= run_send(run, &message);
}

void run_resume(struct run *run)
{
    struct message message = {.kind = MESSAGE_RESUME};

    if (run_send(run, &message)) {
        run->wishes.pause = false;
    }
}

void run_update(struct run *run, const struct grant_limits *limits)
{
    struct message message = {.kind = MESSAGE_UPDATE, .update = {.limits = *limits}};

    if (run_send(run, &message)) {
        run->wishes.update = true;
        run->wishes.limits = *limits;
    }
}

void run_read_counters(const struct run *run, struct engine_counters *ret)
{
    *ret = (struct engine_counters){0};
    if (run->task) {
        worker_task_counters(run->task, ret);
    }
}

bool run_read_latency(const struct run *run, struct engine_latency *ret)
{
    return run->task && worker_task_latency(run->task, ret);
}
