/* SPDX-License-Identifier: Apache-2.0 */
/* A worker that lies, and one that does not read. */
#include <fcntl.h>
#include <sys/stat.h>

#include "track.h"

static void a_worker_that_breaks_the_rules_is_ended(void **state)
{
    static const struct row {
        const char *domain;
        const char *text;
    } rows[] = {
        {"loads-unasked", "its worker broke the protocol: LOADED at the wrong time"},
        {"ready-twice", "its worker broke the protocol: READY at the wrong time"},
        {"exits-unasked", "its worker broke the protocol: EXITED for a task that does not run"},
        {"starts-unasked",
         "its worker broke the protocol: STARTED for a task that is not being started"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct track track = {0};

        track_new(&track, rows[i].domain, "command", "a", "exit 0");
        until(&track.ready);
        assert_string_equal(track.failed.text, rows[i].text);
        assert_int_equal(track.failed.kind, FAULT_UNAVAILABLE);
        track_free(&track);
    }
}

static void a_worker_that_sends_garbage_is_ended(void **state)
{
    static const char *const domains[] = {"garbage", "brings-fds"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
        struct track track = {0};

        track_new(&track, domains[i], "command", "a", "exit 0");
        until(&track.ready);
        assert_int_equal(strncmp(track.failed.text, "its worker broke the protocol: ", 31), 0);
        track_free(&track);
    }
}

static void a_component_that_is_loaded_twice_ends_the_worker(void **state)
{
    struct track track = {0};

    (void)state;
    track_new(&track, "loads-twice", "command", "a", "wait");
    until(&track.ready);
    /* Ready by the first LOADED; the second ends the worker, and a fresh one does the same. */
    if (track.failed.kind == FAULT_NONE) {
        track_start(&track);
        until(&track.started);
    }
    if (track.failed.kind == FAULT_NONE) {
        until(&track.ended);
        assert_int_equal(track.end.how, RUN_LOST);
    }
    track_free(&track);
}

static void a_component_that_cannot_be_loaded_says_why(void **state)
{
    struct track tracks[3] = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(tracks); i++) {
        track_new(&tracks[i], "refuses-to-load", "command", "a", "exit 0");
    }
    for (size_t i = 0; i < ARRAY_SIZE(tracks); i++) {
        until(&tracks[i].ready);
        assert_string_equal(tracks[i].failed.text, "load it: for another machine");
        track_free(&tracks[i]);
    }
}

static void a_kind_that_is_another_is_refused(void **state)
{
    struct track track = {0};

    (void)state;
    track_new(&track, "disagrees", "command", "a", "exit 0");
    until(&track.ready);
    assert_string_equal(track.failed.text, "compiler and worker do not agree on what it is");
    track_free(&track);
}

static char fifo[TRACK_TEXT];
static struct track waiting;
static struct track stalled;

/* A run that waits, in a worker that does not read. */
static void stall(void)
{
    char domain[TRACK_TEXT + 8];
    int fd;

    (void)snprintf(fifo, sizeof(fifo), "%s/stall.fifo", folder);
    (void)snprintf(domain, sizeof(domain), "stalls:%s", fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    fd = open(fifo, O_RDWR | O_CLOEXEC);
    waiting = (struct track){0};
    stalled = (struct track){0};
    track_new(&waiting, domain, "command", "a", "wait");
    track_start(&waiting);
    until(&waiting.started);
    (void)close(fd);
    track_new(&stalled, domain, "command", "b", "exit 1");
    for (int i = 0; i < 500 && compiled("stall.fifo.here") < 2; i++) {
        turn();
    }
    assert_int_equal(compiled("stall.fifo.here"), 2);
}

static void update(int times)
{
    const struct grant_limits limits = {.memory_bytes = 1};

    for (int i = 0; i < times; i++) {
        run_update(waiting.run, &limits);
    }
}

static void nothing_is_lost_while_the_socket_is_full(void **state)
{
    int fd;

    (void)state;
    stall();
    update(20000);
    run_kill(waiting.run);
    turn();
    assert_false(waiting.ended);
    fd = open(fifo, O_RDWR | O_CLOEXEC);
    until(&waiting.ended);
    assert_string_equal(waiting.end.text, "updates=20000 pauses=0 resumes=0");
    (void)close(fd);
    track_free(&waiting);
    track_free(&stalled);
}

static void what_a_worker_does_not_take_in_ends_it(void **state)
{
    (void)state;
    stall();
    update(140000); /* more than the queue and the socket hold */
    until(&waiting.ended);
    assert_int_equal(waiting.end.how, RUN_LOST);
    assert_string_equal(
        waiting.end.text,
        "its worker does not answer: 131072 messages wait for the other side already");
    track_free(&waiting);
    track_free(&stalled);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, track_set_up, track_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_worker_that_breaks_the_rules_is_ended),
        CASE(a_worker_that_sends_garbage_is_ended),
        CASE(a_component_that_is_loaded_twice_ends_the_worker),
        CASE(a_component_that_cannot_be_loaded_says_why),
        CASE(a_kind_that_is_another_is_refused),
        CASE(nothing_is_lost_while_the_socket_is_full),
        CASE(what_a_worker_does_not_take_in_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
