/* SPDX-License-Identifier: Apache-2.0 */
/* A worker may die at any moment; whoever depends on it hears of it, with the reason. */
#include "track.h"

static void fails_to_load(const char *domain, const char *expected)
{
    struct track track = {0};

    track_new(&track, domain, "command", "a", "exit 0");
    until(&track.ready);
    assert_string_equal(track.failed.text, expected);
    track_free(&track);
}

static void before_it_is_ready(void **state)
{
    (void)state;
    fails_to_load("dies-at-start", "its worker died of signal 6 (Aborted)");
    fails_to_load("exits-at-start", "its worker ended with status 3; its last words: no pagemap");
}

static void while_it_loads(void **state)
{
    (void)state;
    fails_to_load("dies-at-load", "its worker died of signal 6 (Aborted)");
}

static void once_while_it_loads_is_tried_again(void **state)
{
    struct track track = {0};
    char domain[TRACK_TEXT];

    (void)state;
    (void)snprintf(domain, sizeof(domain), "dies-once:%s/mark", folder);
    track_through(&track, domain, "command", "exit 5");
    assert_int_equal(track.end.code, 5);
    track_free(&track);
}

static void between_start_and_started(void **state)
{
    struct track track = {0};

    (void)state;
    track_new(&track, "one", "command", "a", "die");
    track_start(&track);
    until(&track.started);
    assert_string_equal(track.failed.text, "its worker died of signal 6 (Aborted)");
    assert_false(track.ended);
    track_free(&track);
}

static void while_runs_run_each_hears_of_it(void **state)
{
    struct track waiting[10] = {0};
    struct track other = {0};
    struct track killer = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(waiting); i++) {
        track_new(&waiting[i], "one", "command", "a", "wait");
        track_start(&waiting[i]);
        until(&waiting[i].started);
    }
    track_new(&other, "two", "command", "a", "wait");
    track_start(&other);
    until(&other.started);
    track_through(&killer, "one", "command", "die-running");
    assert_int_equal(killer.end.how, RUN_LOST);
    assert_int_equal(killer.end.code, 255);
    for (size_t i = 0; i < ARRAY_SIZE(waiting); i++) {
        until(&waiting[i].ended);
        assert_int_equal(waiting[i].end.how, RUN_LOST);
        assert_string_equal(waiting[i].end.text, "its worker died of signal 6 (Aborted)");
        track_free(&waiting[i]);
    }
    turn();
    assert_false(other.ended); /* another domain is another process */
    track_free(&other);
    track_free(&killer);
}

static void the_next_run_gets_a_fresh_worker(void **state)
{
    struct track track = {0};

    (void)state;
    track_through(&track, "one", "command", "die-running");
    track_free(&track);
    track = (struct track){0};
    track_through(&track, "one", "command", "exit 4");
    assert_int_equal(track.end.code, 4);
    track_free(&track);
}

static void under_a_run_that_was_not_started_is_not_noticed(void **state)
{
    struct track ready = {0};
    struct track killer = {0};

    (void)state;
    track_new(&ready, "one", "command", "a", "exit 6");
    until(&ready.ready);
    track_through(&killer, "one", "command", "die-running");
    track_free(&killer);
    track_start(&ready);
    until(&ready.started);
    until(&ready.ended);
    assert_int_equal(ready.end.code, 6);
    track_free(&ready);
}

static void by_somebodys_hand_is_told_as_such(void **state)
{
    struct track waiting = {0};
    struct track asking = {0};
    char text[TRACK_TEXT];
    int pid = 0;

    (void)state;
    track_new(&waiting, "one", "command", "a", "wait");
    track_start(&waiting);
    until(&waiting.started);
    track_through(&asking, "one", "command", "say");
    output_of(&asking, text);
    assert_int_equal(sscanf(text, "pid=%d", &pid), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    until(&waiting.ended);
    assert_string_equal(waiting.end.text, "its worker died of signal 9 (Killed)");
    track_free(&waiting);
    track_free(&asking);
}

static void a_program_that_cannot_be_executed_is_named(void **state)
{
    struct track track = {0};

    (void)state;
    options.worker = "/etc"; /* may be searched, which is what x means for a folder */
    track_restart();
    track_new(&track, "one", "command", "a", "exit 0");
    until(&track.ready);
    assert_string_equal(track.failed.text, "start a worker: execute /etc: Permission denied");
    track_free(&track);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, track_set_up, track_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(before_it_is_ready),
        CASE(while_it_loads),
        CASE(once_while_it_loads_is_tried_again),
        CASE(between_start_and_started),
        CASE(while_runs_run_each_hears_of_it),
        CASE(the_next_run_gets_a_fresh_worker),
        CASE(under_a_run_that_was_not_started_is_not_noticed),
        CASE(by_somebodys_hand_is_told_as_such),
        CASE(a_program_that_cannot_be_executed_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
