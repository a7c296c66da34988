/* SPDX-License-Identifier: Apache-2.0 */
#include "turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/loop.h"

struct turn {
    struct loop *loop;
    struct loop_timer *timer;
    turn_fn *fn;
    void *owner;
    uint64_t deadline_ns;
    bool holds;
};

/* The condition may change in any callback, so it is looked at every millisecond. */
static void look(void *owner)
{
    struct turn *turn = owner;

    turn->holds = turn->fn(turn->owner);
    if (turn->holds || clock_now_ns() > turn->deadline_ns) {
        loop_stop(turn->loop);
    } else {
        loop_timer_set(turn->timer, NS_PER_MS);
    }
}

void turn_until(struct loop *loop, turn_fn *fn, void *owner, const char *what)
{
    struct turn turn = {.loop = loop, .fn = fn, .owner = owner};

    turn.deadline_ns = clock_now_ns() + 10 * NS_PER_S;
    turn.timer = loop_timer_new(loop, look, &turn);
    loop_timer_set(turn.timer, 0);
    /* What is under test may stop the loop as well, at any time. */
    while (!turn.holds && clock_now_ns() <= turn.deadline_ns) {
        loop_run(loop);
    }
    (void)loop_timer_free(turn.timer);
    if (!turn.holds) {
        fail_msg("not within ten seconds: %s", what);
    }
}

static bool is_true(void *owner)
{
    return *(const bool *)owner;
}

void turn_until_true(struct loop *loop, const bool *flag, const char *what)
{
    turn_until(loop, is_true, (void *)(uintptr_t)flag, what);
}
