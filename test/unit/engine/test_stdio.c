/* SPDX-License-Identifier: Apache-2.0 */
/* stdin, stdout and stderr: nothing is lost, and nobody waits for a reader but its own guest. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/engine/house.h"

enum { FLOOD_BYTES = 1000000, PIPE_BYTES = 65536 };

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static bool is_full(void *of)
{
    const struct house_task *task = of;
    int held = 0;

    return ioctl(task->output, FIONREAD, &held) == 0 && held > PIPE_BYTES / 2;
}

static void a_full_pipe_parks_its_own_guest_only(void **state)
{
    struct house_task flood;
    struct house_task other;
    char bytes[4096];
    size_t total = 0;
    ssize_t got = 0;

    (void)state;
    house_prepare(&flood, ARGS("hello", "flood", "1000000"));
    house_start(&flood, "hello");
    house_await(is_full, &flood, "the pipe is full");
    house_prepare(&other, ARGS("hello", "exit", "3"));
    house_start(&other, "hello");
    assert_int_equal(house_wait(&other)->code, 3);
    house_done(&other);
    assert_int_equal(flood.endings, 0);
    while ((got = read(flood.output, bytes, sizeof(bytes))) > 0) {
        total += (size_t)got;
    }
    assert_int_equal(total, FLOOD_BYTES);
    assert_int_equal(house_wait(&flood)->how, ENGINE_EXITED);
    assert_int_equal(flood.end.code, 0);
    house_done(&flood);
}

static void a_parked_writer_can_be_killed(void **state)
{
    struct house_task flood;

    (void)state;
    house_prepare(&flood, ARGS("hello", "flood", "1000000"));
    house_start(&flood, "hello");
    house_await(is_full, &flood, "the pipe is full");
    engine_task_kill(flood.task);
    assert_int_equal(house_wait(&flood)->how, ENGINE_KILLED);
    house_done(&flood);
}

static void a_reader_that_leaves_closes_the_stream(void **state)
{
    struct house_task flood;

    (void)state;
    house_prepare(&flood, ARGS("hello", "flood", "1000000"));
    house_start(&flood, "hello");
    house_await(is_full, &flood, "the pipe is full");
    (void)close(flood.output);
    flood.output = -1;
    assert_int_equal(house_wait(&flood)->how, ENGINE_EXITED);
    assert_true(flood.end.code != 0);
    house_done(&flood);
}

static void echo_through(const char *guest, int write_to, int read_from)
{
    const char *const args[] = {guest, "echo", NULL};
    struct house_task task;

    house_prepare(&task, args);
    task.grant.input = read_from;
    house_start(&task, guest);
    assert_int_equal(write(write_to, "some words\n", 11), 11);
    (void)close(write_to);
    assert_int_equal(house_wait(&task)->code, 0);
    assert_string_equal(house_read(task.output), "some words\n");
    house_done(&task);
}

static void what_comes_in_goes_out(void **state)
{
    static const char *const guests[] = {"hello", "command3"};
    int ends[2];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        echo_through(guests[i], ends[1], ends[0]);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        echo_through(guests[i], ends[1], ends[0]);
    }
}

/* More readers than threads: each waits in a read of its own pipe, and others still run. */
static void readers_that_wait_hold_no_thread(void **state)
{
    struct house_task readers[4];
    int writers[ARRAY_SIZE(readers)];
    struct house_task other;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        writers[i] = ends[1];
        house_prepare(&readers[i], ARGS("hello", "echo"));
        readers[i].grant.input = ends[0];
        house_start(&readers[i], "hello");
        /* Once it has given something back, it is on its way into the next read. */
        assert_int_equal(write(writers[i], "a", 1), 1);
        assert_int_equal(read(readers[i].output, ends, 1), 1);
    }
    house_prepare(&other, ARGS("hello", "exit", "3"));
    house_start(&other, "hello");
    assert_int_equal(house_wait(&other)->code, 3);
    house_done(&other);
    for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
        assert_int_equal(readers[i].endings, 0);
        (void)close(writers[i]);
        assert_int_equal(house_wait(&readers[i])->code, 0);
        house_done(&readers[i]);
    }
}

static void no_stdin_is_at_its_end(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare(&task, ARGS("hello", "echo"));
    house_start(&task, "hello");
    assert_int_equal(house_wait(&task)->code, 0);
    assert_string_equal(house_read(task.output), "");
    house_done(&task);
}

static void stdout_and_stderr_can_be_one_file(void **state)
{
    char name[] = "/tmp/engine-test-XXXXXX";
    int file = mkostemp(name, O_CLOEXEC);
    struct house_task task;
    char text[512] = "";
    int again = -1;

    (void)state;
    assert_true(file >= 0);
    again = open(name, O_RDONLY | O_CLOEXEC);
    assert_int_equal(unlink(name), 0);
    house_prepare(&task, ARGS("hello", "trap"));
    (void)close(task.grant.output);
    (void)close(task.grant.error);
    task.grant.output = file;
    task.grant.error = file;
    house_start(&task, "hello");
    assert_int_equal(house_wait(&task)->how, ENGINE_TRAPPED);
    assert_true(read(again, text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "trapping\nskep: trapped: "));
    assert_int_equal(fcntl(file, F_GETFD), -1);
    (void)close(again);
    house_done(&task);
}

static void the_flags_of_a_shared_description_come_back(void **state)
{
    struct house_task task;
    int mine = -1;

    (void)state;
    house_prepare(&task, ARGS("hello"));
    mine = fcntl(task.grant.output, F_DUPFD_CLOEXEC, 3);
    assert_true(mine >= 0);
    house_start(&task, "hello");
    assert_int_equal(house_wait(&task)->how, ENGINE_EXITED);
    assert_int_equal(fcntl(mine, F_GETFL) & O_NONBLOCK, 0);
    (void)close(mine);
    house_done(&task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_pipe_parks_its_own_guest_only),
        cmocka_unit_test(a_parked_writer_can_be_killed),
        cmocka_unit_test(a_reader_that_leaves_closes_the_stream),
        cmocka_unit_test(what_comes_in_goes_out),
        cmocka_unit_test(readers_that_wait_hold_no_thread),
        cmocka_unit_test(no_stdin_is_at_its_end),
        cmocka_unit_test(stdout_and_stderr_can_be_one_file),
        cmocka_unit_test(the_flags_of_a_shared_description_come_back),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
