/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gives something when it is imported, bound to one part of a composition.
 *
 * The guests with a number in their names are that part of a composition, run by those before it,
 * which ask for nothing: what they can do shows what the part has.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/engine/pair.h"

enum { NETWORK = 7 };

static const struct engine_exit *run(struct pair *pair, const char *guest)
{
    house_start(&pair->task, guest);
    return house_wait(&pair->task);
}

static void a_part_sees_its_own_arguments_environment_and_output(void **state)
{
    static const char *const guests[] = {"hello-component-1", "command3-1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
        struct pair pair;
        const char *text = NULL;

        pair_prepare(&pair, ARGS("entry", "show", "of-the-entry"));
        pair.task.grant.env = ARGS("ENTRY=1");
        pair.task.grant.env_count = 1;
        pair_say(&pair, ARGS("guest", "show", "of-the-part"));
        pair.part.env = ARGS("PART=1");
        pair.part.env_count = 1;
        assert_int_equal(run(&pair, guests[i])->code, 0);
        assert_int_equal(pair.task.end.how, ENGINE_EXITED);
        text = house_read(pair.output);
        assert_non_null(strstr(text, "of-the-part"));
        assert_true(i > 0 || strstr(text, "PART=1") != NULL);
        assert_null(strstr(text, "of-the-entry"));
        assert_null(strstr(text, "ENTRY"));
        assert_string_equal(house_read(pair.task.output), "");
        assert_string_equal(house_read(pair.task.error), "");
        pair_done(&pair);
    }
}

static void a_part_reads_its_own_input(void **state)
{
    struct pair pair;
    int in[2];

    (void)state;
    pair_prepare(&pair, NULL);
    pair_say(&pair, ARGS("command3", "echo"));
    assert_int_equal(pipe(in), 0);
    assert_int_equal(write(in[1], "words", 5), 5);
    (void)close(in[1]);
    pair.part.input = in[0];
    assert_int_equal(run(&pair, "command3-1")->code, 0);
    assert_string_equal(house_read(pair.output), "words");
    pair_done(&pair);
}

static void a_folder_is_of_the_part_that_was_granted_it(void **state)
{
    (void)state;
    for (int is_granted = 0; is_granted < 2; is_granted++) {
        struct engine_folder folder = {.guest_path = "/data"};
        struct pair pair;
        char path[PAIR_PATH];

        pair_prepare(&pair, NULL);
        folder.dir = pair_folder(path, "note", "a line\n");
        if (is_granted) {
            pair.part.folders = &folder;
            pair.part.folder_count = 1;
        } else {
            pair.task.grant.folders = &folder;
            pair.task.grant.folder_count = 1;
        }
        pair_say(&pair, ARGS("hello", "cat", "/data/note"));
        (void)run(&pair, "hello-component-1");
        assert_string_equal(house_read(pair.output), is_granted ? "a line\n" : "");
        /* Refused, it calls exit. */
        assert_int_equal(pair.task.end.how, is_granted ? ENGINE_EXITED : ENGINE_TRAPPED);
        pair_done(&pair);
        pair_folder_remove(path, "note");
    }
}

static void another_part_than_the_entry_cannot_exit(void **state)
{
    static const char *const guests[] = {"hello-component-1", "command3-1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
        struct pair pair;

        pair_prepare(&pair, NULL);
        pair_say(&pair, ARGS("guest", "exit", "9"));
        assert_int_equal(run(&pair, guests[i])->how, ENGINE_TRAPPED);
        assert_non_null(strstr(pair.task.end.text, "other called exit with "));
        assert_non_null(strstr(house_read(pair.task.error), "skep: trapped: other called exit"));
        pair_done(&pair);
    }
}

static void a_trap_in_a_part_ends_all_and_is_named(void **state)
{
    struct pair pair;

    (void)state;
    pair_prepare(&pair, NULL);
    pair_say(&pair, ARGS("hello", "trap"));
    assert_int_equal(run(&pair, "hello-component-1")->how, ENGINE_TRAPPED);
    assert_non_null(strstr(pair.task.end.text, "unreachable"));
    assert_int_equal(pair.task.counters.traps, 1);
    pair_done(&pair);
}

/* ---- sockets ---- */

/* An echo of one peer. */
static void *echo(void *owner)
{
    const int *listener = owner;
    int peer = accept(*listener, NULL, NULL);
    char text[64];
    ssize_t got = peer < 0 ? -1 : recv(peer, text, sizeof(text), 0);

    if (got > 0) {
        (void)send(peer, text, (size_t)got, MSG_NOSIGNAL);
    }
    (void)close(peer);
    return NULL;
}

enum whose { NOBODY, ENTRY, PART };

static void connect_as(enum whose network, const char *hosts, const char *host, bool is_reached)
{
    struct house_task listening = {0};
    struct pair pair;
    pthread_t thread;
    char address[64];

    house_listen(&listening);
    assert_int_equal(pthread_create(&thread, NULL, echo, &listening.grant.listener), 0);
    pair_prepare(&pair, NULL);
    (void)snprintf(address, sizeof(address), "%s:%u", host, listening.port);
    pair_say(&pair, ARGS("net", "tcp", address));
    pair.task.grant.network_id = network == ENTRY ? NETWORK : 0;
    pair.part.network_id = network == PART ? NETWORK : 0;
    pair.part.network.hosts = hosts;
    (void)run(&pair, "net-1");
    assert_int_equal(pair.task.end.how, is_reached ? ENGINE_EXITED : ENGINE_TRAPPED);
    assert_string_equal(house_read(pair.output), is_reached ? "ping\n" : "");
    if (!is_reached) {
        assert_non_null(strstr(house_read(pair.error), "PermissionDenied"));
    }
    (void)shutdown(listening.grant.listener, SHUT_RDWR);
    (void)pthread_join(thread, NULL);
    (void)close(listening.grant.listener);
    pair_done(&pair);
}

static void sockets_and_names_are_those_of_the_part(void **state)
{
    (void)state;
    connect_as(PART, NULL, "127.0.0.1", true);
    connect_as(PART, "127.0.0.1 database\n", "database", true);
    connect_as(ENTRY, NULL, "127.0.0.1", false);
    connect_as(NOBODY, NULL, "127.0.0.1", false);
}

/* ---- grants ---- */

static void refused(struct pair *pair, const char *guest, const char *expected)
{
    const struct engine_watcher watcher = {.on_exit = NULL};
    struct engine_why why = {0};

    assert_true(engine_task_start(house_guest(guest), &pair->task.grant, &watcher,
                                  &pair->task.task, &why) < 0);
    assert_string_equal(why.text, expected);
}

static void a_grant_for_fewer_parts_is_refused(void **state)
{
    struct pair pair;

    (void)state;
    pair_prepare(&pair, NULL);
    pair.task.grant.part_count = 0;
    refused(&pair, "command3-1", "it is a composition of 2 parts, and the grant is for 1");
    pair.task.grant.part_count = 1;
    refused(&pair, "hello-component-61", "it is a composition of 62 parts, and the grant is for 2");
    /* Nothing has changed hands. */
    pair_say(&pair, ARGS("command3", "a"));
    assert_int_equal(run(&pair, "command3-1")->code, 0);
    pair_done(&pair);
}

static void there_are_at_most_so_many_parts(void **state)
{
    struct engine_part parts[ENGINE_PARTS_MAX];
    struct pair pair;

    (void)state;
    pair_prepare(&pair, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        parts[i] = (struct engine_part){.input = -1, .output = -1, .error = -1};
    }
    pair_say(&pair, ARGS("hello", "show", "of-the-last"));
    parts[60] = pair.part;
    pair.task.grant.parts = parts;
    pair.task.grant.part_count = ENGINE_PARTS_MAX;
    refused(&pair, "hello-component-61", "a grant has at most 63 further parts, not 64");
    pair.task.grant.part_count = ENGINE_PARTS_MAX - 1;
    assert_int_equal(run(&pair, "hello-component-61")->code, 0);
    assert_non_null(strstr(house_read(pair.output), "of-the-last"));
    pair_done(&pair);
}

static void a_descriptor_is_of_one_part(void **state)
{
    struct pair pair;
    char expected[96];
    int output = -1;

    (void)state;
    pair_prepare(&pair, NULL);
    output = pair.part.output;
    pair.part.output = pair.task.grant.output;
    (void)snprintf(expected, sizeof(expected),
                   "descriptor %d is granted twice; only stdout and stderr may be one",
                   pair.part.output);
    refused(&pair, "command3-1", expected);
    pair.part.output = output;
    pair_say(&pair, ARGS("command3", "a"));
    assert_int_equal(run(&pair, "command3-1")->code, 0);
    pair_done(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_sees_its_own_arguments_environment_and_output),
        cmocka_unit_test(a_part_reads_its_own_input),
        cmocka_unit_test(a_folder_is_of_the_part_that_was_granted_it),
        cmocka_unit_test(another_part_than_the_entry_cannot_exit),
        cmocka_unit_test(a_trap_in_a_part_ends_all_and_is_named),
        cmocka_unit_test(sockets_and_names_are_those_of_the_part),
        cmocka_unit_test(a_grant_for_fewer_parts_is_refused),
        cmocka_unit_test(there_are_at_most_so_many_parts),
        cmocka_unit_test(a_descriptor_is_of_one_part),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
