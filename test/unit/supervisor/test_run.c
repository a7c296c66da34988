/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "track.h"

static void a_guests_own_code_comes_back(void **state)
{
    struct track track = {0};

    (void)state;
    track_through(&track, "one", "command", "exit 7");
    assert_int_equal(track.kind, RUN_COMMAND);
    assert_int_equal(track.end.how, RUN_EXITED);
    assert_int_equal(track.end.code, 7);
    track_free(&track);
}

static void every_ending_has_its_code_and_its_words(void **state)
{
    static const struct row {
        const char *args;
        enum run_how how;
        uint32_t code;
        const char *text;
    } rows[] = {
        {"trap", RUN_TRAPPED, 134, "unreachable was reached"},
        {"oom", RUN_OOM, 137, ""},
        {"fail", RUN_FAILED, 128, "no such export"},
        {"exit 255", RUN_EXITED, 255, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct track track = {0};

        track_through(&track, "one", "command", rows[i].args);
        assert_int_equal(track.end.how, rows[i].how);
        assert_int_equal(track.end.code, rows[i].code);
        assert_string_equal(track.end.text, rows[i].text);
        track_free(&track);
    }
}

static void the_worker_gets_the_grant_and_the_output(void **state)
{
    struct track track = {0};
    char guest[] = "/data";
    struct grant_folder list = {.source = folder, .guest = guest, .read_only = true};
    char text[TRACK_TEXT];

    (void)state;
    track.grant.folders = &list;
    track.grant.folders_count = 1;
    track.grant.limits.memory_bytes = 4711;
    track_through(&track, "one", "command", "say");
    output_of(&track, text);
    assert_non_null(strstr(text, "memory=4711 /data:ro"));
    assert_int_equal(read(track.output, text, 1), 0); /* nobody holds its other end */
    track_free(&track);
}

static int worker_of(const char *domain)
{
    struct track track = {0};
    char text[TRACK_TEXT];
    int pid = 0;

    track_through(&track, domain, "command", "say");
    output_of(&track, text);
    assert_int_equal(sscanf(text, "pid=%d", &pid), 1);
    track_free(&track);
    return pid;
}

static void a_domain_has_one_worker(void **state)
{
    int one;

    (void)state;
    one = worker_of("one");
    assert_int_equal(worker_of("one"), one);
    assert_int_not_equal(worker_of("two"), one);
}

/* Connects to a port of the loopback here. Return: 0 or errno. */
static int connect_here(uint16_t port)
{
    AUTO(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

static void a_server_gets_a_listener(void **state)
{
    struct track track = {0};

    (void)state;
    track.grant.network = GRANT_NETWORK_NODE;
    track_new(&track, "one", "server", "server", "accept");
    track_start(&track);
    assert_int_equal(track.kind, RUN_SERVER);
    assert_true(run_port(track.run) > 0);
    until(&track.started);
    assert_int_equal(connect_here(run_port(track.run)), 0);
    until(&track.ended);
    assert_int_equal(track.end.code, 0);
    track_free(&track);
}

static void a_server_without_a_network_is_refused(void **state)
{
    struct track track = {0};

    (void)state;
    track.grant.network = GRANT_NETWORK_NONE;
    track_new(&track, "one", "server", "server", "accept");
    until(&track.ready);
    assert_string_equal(track.failed.text, "it is a server, and its network is \"none\": there is "
                                           "nowhere to listen");
    track_free(&track);
}

static void a_namespace_of_its_own_is_made_and_goes_with_the_run(void **state)
{
    struct track track = {0};
    struct track warm = {0};
    size_t before;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    warm.grant.network = GRANT_NETWORK_NODE;
    track_new(&warm, "one", "server", "server", "wait");
    until(&warm.ready);
    before = open_descriptors();
    track.grant.network = GRANT_NETWORK_POD;
    track.grant.port = 18080;
    track_new(&track, "one", "server", "server", "wait");
    track_start(&track);
    until(&track.started);
    assert_string_equal(track.failed.text, "");
    assert_int_equal(run_port(track.run), 18080);
    assert_int_equal(connect_here(18080), ECONNREFUSED); /* it listens elsewhere */
    run_kill(track.run);
    until(&track.ended);
    track_free(&track);
    assert_int_equal(open_descriptors(), before);
    track_free(&warm);
}

static void a_mount_that_cannot_be_read_is_named(void **state)
{
    struct track track = {0};
    char guest[] = "/data";
    char source[] = "/nowhere/at/all";
    struct grant_folder list = {.source = source, .guest = guest};

    (void)state;
    track.grant.folders = &list;
    track.grant.folders_count = 1;
    track_new(&track, "one", "command", "a", "exit 0");
    until(&track.ready);
    assert_string_equal(track.failed.text,
                        "mount /data: open /nowhere/at/all: No such file or directory");
    track_free(&track);
}

static void kill_and_drain_end_a_run(void **state)
{
    struct track killed = {0};
    struct track drained = {0};

    (void)state;
    track_new(&killed, "one", "command", "a", "wait");
    track_new(&drained, "one", "command", "a", "wait");
    track_start(&killed);
    track_start(&drained);
    until(&killed.started);
    until(&drained.started);
    run_kill(killed.run);
    run_drain(drained.run, 0);
    until(&killed.ended);
    until(&drained.ended);
    assert_int_equal(killed.end.how, RUN_KILLED);
    assert_int_equal(killed.end.code, 137);
    assert_int_equal(drained.end.how, RUN_STOPPED);
    assert_int_equal(drained.end.code, 143);
    run_kill(killed.run); /* nothing any more */
    track_free(&killed);
    track_free(&drained);
}

static void what_is_asked_before_the_worker_knows_is_not_lost(void **state)
{
    struct track track = {0};
    const struct grant_limits limits = {.memory_bytes = 1};

    (void)state;
    track_new(&track, "one", "command", "a", "wait");
    run_kill(track.run); /* not started: nothing */
    track_start(&track);
    run_update(track.run, &limits);
    run_pause(track.run);
    run_drain(track.run, 5);
    until(&track.started);
    until(&track.ended);
    assert_int_equal(track.end.how, RUN_STOPPED);
    assert_string_equal(track.end.text, "updates=1 pauses=1 resumes=0");
    track_free(&track);
}

static void a_start_that_is_refused_says_why(void **state)
{
    struct track track = {0};
    struct run_stdio none = {-1, -1, -1};

    (void)state;
    track_new(&track, "one", "command", "a", "refuse");
    assert_true(run_start(track.run, &none, &why) < 0);
    assert_string_equal(why.text, "it is not ready to be started");
    track_start(&track);
    until(&track.started);
    assert_string_equal(track.failed.text, "no room");
    turn();
    assert_false(track.ended);
    track_free(&track);
}

static void a_library_is_ready_and_cannot_be_started(void **state)
{
    struct track track = {0};
    struct run_stdio none = {-1, -1, -1};

    (void)state;
    track_new(&track, "one", "library", "a", "x");
    until(&track.ready);
    assert_int_equal(track.kind, RUN_LIBRARY);
    assert_int_equal(track.failed.kind, FAULT_NONE);
    assert_true(run_start(track.run, &none, &why) < 0);
    assert_non_null(strstr(why.text, "it is a library"));
    track_free(&track);
}

static void counters_outlive_the_run(void **state)
{
    struct track track = {0};
    struct engine_counters counters;
    struct engine_latency latency = {.sum_ns = 99};

    (void)state;
    track_through(&track, "one", "command", "count 42");
    run_read_counters(track.run, &counters);
    assert_int_equal(counters.requests, 42);
    /* What it held is given back, whatever it last said. */
    assert_int_equal(counters.in_flight, 0);
    assert_true(run_read_latency(track.run, &latency));
    assert_int_equal(latency.sum_ns, 42000);
    assert_int_equal(latency.buckets[0], 42);
    track_free(&track);
    track = (struct track){0};
    track_through(&track, "one", "command", "exit 0");
    assert_false(run_read_latency(track.run, &latency));
    assert_int_equal(latency.sum_ns, 42000);
    track_free(&track);
}

static void a_run_can_be_freed_at_any_moment(void **state)
{
    struct track tracks[5] = {0};

    (void)state;
    tracks[1].free_when_ready = true;
    for (size_t i = 0; i < ARRAY_SIZE(tracks); i++) {
        track_new(&tracks[i], "one", "command", "a", "wait");
    }
    track_free(&tracks[0]); /* while its component is looked for */
    until(&tracks[1].ready);
    until(&tracks[2].ready);
    track_free(&tracks[2]); /* loaded */
    track_start(&tracks[3]);
    track_free(&tracks[3]); /* before START */
    track_start(&tracks[4]);
    until(&tracks[4].started);
    track_free(&tracks[4]); /* running: is killed, and nobody told */
    turn();
    assert_false(tracks[4].ended);
}

static void five_hundred_runs_leave_no_descriptor(void **state)
{
    static struct track tracks[100];
    size_t before = 0;

    (void)state;
    for (int round = 0; round < 5; round++) {
        memset(tracks, 0, sizeof(tracks));
        for (size_t i = 0; i < ARRAY_SIZE(tracks); i++) {
            track_new(&tracks[i], "one", "command", "a", "exit 0");
        }
        for (size_t i = 0; i < ARRAY_SIZE(tracks); i++) {
            track_start(&tracks[i]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(tracks); i++) {
            until(&tracks[i].ended);
            track_free(&tracks[i]);
        }
        if (round == 0) {
            before = open_descriptors();
        }
    }
    assert_int_equal(open_descriptors(), before);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, track_set_up, track_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_guests_own_code_comes_back),
        CASE(every_ending_has_its_code_and_its_words),
        CASE(the_worker_gets_the_grant_and_the_output),
        CASE(a_domain_has_one_worker),
        CASE(a_server_gets_a_listener),
        CASE(a_server_without_a_network_is_refused),
        CASE(a_namespace_of_its_own_is_made_and_goes_with_the_run),
        CASE(a_mount_that_cannot_be_read_is_named),
        CASE(kill_and_drain_end_a_run),
        CASE(what_is_asked_before_the_worker_knows_is_not_lost),
        CASE(a_start_that_is_refused_says_why),
        CASE(a_library_is_ready_and_cannot_be_started),
        CASE(counters_outlive_the_run),
        CASE(a_run_can_be_freed_at_any_moment),
        CASE(five_hundred_runs_leave_no_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
