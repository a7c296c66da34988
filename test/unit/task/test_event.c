/* SPDX-License-Identifier: Apache-2.0 */
/* Events: in order, over containerd's absence and return, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/loop.h"
#include "world.h"

static void publish(struct world *world, const char *id, event_done_fn *done, void *owner)
{
    Event__TaskOOM message = EVENT__TASK_OOM__INIT;

    message.container_id = (char *)(uintptr_t)id;
    events_publish(world->events, "ns", &message.base, done, owner);
}

static bool all_are_sent(void *owner)
{
    const struct world *world = owner;

    return events_queued(world->events) == 0;
}

static void events_arrive_in_the_order_of_publication(void **state)
{
    struct world *world = *state;
    char id[16];
    char want[32];

    for (int i = 0; i < 500; i++) {
        (void)snprintf(id, sizeof(id), "c%d", i);
        publish(world, id, NULL, NULL);
    }
    turn_until(world->loop, all_are_sent, world, "500 events");
    assert_int_equal(world->seen_count, 500);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(want, sizeof(want), "/tasks/oom ns c%d", i);
        assert_string_equal(world->seen[i], want);
    }
}

static void nothing_is_lost_while_containerd_restarts(void **state)
{
    struct world *world = *state;
    static const char *const want[] = {"/tasks/oom ns before", "/tasks/oom ns while1",
                                       "/tasks/oom ns while2", "/tasks/oom ns after"};

    publish(world, "before", NULL, NULL);
    turn_until(world->loop, all_are_sent, world, "the event before");
    world_stop_listening(world);
    publish(world, "while1", NULL, NULL);
    publish(world, "while2", NULL, NULL);
    /* Some turns, in which the connection is found to be broken and tried again. */
    for (int i = 0; i < 3; i++) {
        struct ask ask;

        wait_begin(world, &ask, "nobody", "");
        ask_await(&ask);
    }
    assert_int_equal(events_queued(world->events), 2);
    world_listen_for_events(world);
    publish(world, "after", NULL, NULL);
    expect_events(world, want, ARRAY_SIZE(want));
    assert_int_equal(events_dropped(world->events), 0);
}

static void an_event_that_is_refused_holds_up_no_other(void **state)
{
    struct world *world = *state;
    static const char *const want[] = {"/tasks/oom ns second"};

    world->refuse = 1;
    publish(world, "first", NULL, NULL);
    publish(world, "second", NULL, NULL);
    expect_events(world, want, ARRAY_SIZE(want));
    assert_int_equal(events_dropped(world->events), 1);
}

static void flag_it(void *owner)
{
    *(bool *)owner = true;
}

static void the_publisher_is_told_of_delivery_unless_it_asked_to_be_forgotten(void **state)
{
    struct world *world = *state;
    bool told = false;
    bool forgotten = false;

    publish(world, "a", flag_it, &told);
    publish(world, "b", flag_it, &forgotten);
    assert_false(told);
    events_forget(world->events, &forgotten);
    turn_until(world->loop, all_are_sent, world, "both events");
    assert_true(told);
    assert_false(forgotten);
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
    struct world *world = *state;
    char id[16];

    world_stop_listening(world);
    for (int i = 0; i < EVENTS_MAX + 10; i++) {
        (void)snprintf(id, sizeof(id), "c%d", i);
        publish(world, id, NULL, NULL);
    }
    assert_int_equal(events_queued(world->events), EVENTS_MAX);
    assert_int_equal(events_dropped(world->events), 10);
}

static void without_an_address_events_go_nowhere(void **state)
{
    struct world *world = *state;
    struct events *real = world->events;
    struct fault why = {0};
    bool told = false;

    assert_int_equal(events_new(world->loop, "", &world->events, &why), 0);
    publish(world, "a", flag_it, &told);
    turn_until_true(world->loop, &told, "the queue to be emptied");
    assert_int_equal(events_queued(world->events), 0);
    (void)events_free(world->events);
    world->events = real;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_arrive_in_the_order_of_publication, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(nothing_is_lost_while_containerd_restarts, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(an_event_that_is_refused_holds_up_no_other, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(
            the_publisher_is_told_of_delivery_unless_it_asked_to_be_forgotten, world_open,
            world_close),
        cmocka_unit_test_setup_teardown(the_oldest_go_when_there_are_too_many, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(without_an_address_events_go_nowhere, world_open,
                                        world_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
