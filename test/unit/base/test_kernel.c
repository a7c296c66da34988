/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/loop.h"
#include "base/process.h"
#include "base/text.h"

static char folder[] = "/tmp/skep-test-XXXXXX";
static int dir = -1;

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) {
        return -1;
    }
    dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlinkat(dir, "file", 0);
    (void)unlinkat(dir, "out", 0);
    (void)unlinkat(dir, "host", 0);
    (void)close(dir);
    return rmdir(folder);
}

static void packets_bring_their_descriptors(void **state)
{
    int pair[2];
    int came[2] = {-1, -1};
    size_t count = 2;
    char bytes[8];

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    assert_int_equal(fd_send(pair[0], "hello", 5, &dir, 1), 0);
    assert_int_equal(fd_receive(pair[1], bytes, sizeof(bytes), came, &count), 5);
    assert_int_equal(count, 1);
    assert_int_equal(fcntl(came[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    (void)close(came[0]);
    (void)close(pair[0]);
    assert_int_equal(fd_receive(pair[1], bytes, sizeof(bytes), came, &count), 0);
    (void)close(pair[1]);
}

static void a_packet_with_too_many_descriptors_leaves_none_open(void **state)
{
    int pair[2];
    int send[3] = {dir, dir, dir};
    int came[2] = {-1, -1};
    size_t count = 2;
    char bytes[8];
    int before = dup(dir);

    (void)state;
    (void)close(before);
    assert_int_equal(fd_pair(pair), 0);
    assert_int_equal(fd_send(pair[0], "x", 1, send, 3), 0);
    assert_int_equal(fd_receive(pair[1], bytes, sizeof(bytes), came, &count), -EMSGSIZE);
    (void)close(pair[0]);
    (void)close(pair[1]);
    int after = dup(dir);
    (void)close(after);
    assert_int_equal(before, after);
}

static void a_file_is_replaced_and_read_back(void **state)
{
    AUTO(buf_fini) struct buf out = BUF(5);
    struct fault why = {0};

    (void)state;
    assert_int_equal(fs_replace(dir, "file", text_of("12345"), 0600, &why), 0);
    assert_int_equal(fs_read_small(dir, "file", &out, &why), 0);
    assert_int_equal(out.length, 5);
    assert_int_equal(fs_replace(dir, "file", text_of("123456"), 0600, &why), 0);
    assert_true(fs_read_small(dir, "file", &out, &why) < 0);
    assert_string_equal(why.text, "file is larger than 5 bytes");
}

static void nobody_leaves_a_folder_by_dots_or_links(void **state)
{
    int in_root;

    (void)state;
    assert_int_equal(symlinkat("/etc", dir, "host"), 0);
    assert_int_equal(symlinkat("../../etc/passwd", dir, "out"), 0);
    assert_true(fs_open_beneath(dir, "host/passwd", O_RDONLY, 0) < 0);
    assert_int_equal(fs_open_beneath(dir, "../../etc/passwd", O_RDONLY, 0), -EXDEV);
    assert_int_equal(fs_open_in_root(dir, "/host/passwd", O_RDONLY), -ENOENT);
    in_root = fs_open_in_root(dir, "out", O_RDONLY);
    assert_int_equal(in_root, -ENOENT);
}

static void sealed_memory_cannot_be_written(void **state)
{
    AUTO(fd_close) int fd = fs_memory("test", "abc", 3);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(errno, EPERM);
}

struct ended {
    struct loop *loop;
    int status;
    int times;
};

static void on_end(void *owner, int status)
{
    struct ended *ended = owner;

    ended->status = status;
    ended->times++;
    loop_stop(ended->loop);
}

static void a_child_gets_just_its_descriptors_and_is_reaped_once(void **state)
{
    static const char *const argv[] = {"sh", "-c", "test -e /proc/self/fd/3 && test ! -e /proc/self/fd/5 && exit 7", NULL};
    struct process_plan plan = {.path = "/bin/sh", .argv = argv, .in = -1, .out = -1, .err = -1, .fds = &dir, .fds_count = 1};
    AUTO(loop_free) struct loop *loop = NULL;
    struct fault why = {0};
    struct ended ended = {0};
    int pid = 0;

    (void)state;
    assert_int_equal(loop_new(&loop, &why), 0);
    ended.loop = loop;
    assert_int_equal(process_start(&plan, &pid, &why), 0);
    assert_non_null(loop_child_new(loop, pid, on_end, &ended, &why));
    loop_run(loop);
    assert_int_equal(ended.times, 1);
    assert_true(WIFEXITED(ended.status));
    assert_int_equal(WEXITSTATUS(ended.status), 7);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
}

static void a_program_that_is_missing_is_named(void **state)
{
    static const char *const argv[] = {"x", NULL};
    struct process_plan plan = {.path = "/nonexistent/x", .argv = argv, .in = -1, .out = -1, .err = -1};
    struct fault why = {0};
    int pid = 0;

    (void)state;
    assert_true(process_start(&plan, &pid, &why) < 0);
    assert_string_equal(why.text, "execute /nonexistent/x: No such file or directory");
}

static void on_timer(void *owner)
{
    loop_stop(owner);
}

static void on_ready_never(void *owner, unsigned events)
{
    (void)owner;
    (void)events;
    fail_msg("a closed source called");
}

static void a_closed_source_never_calls_again(void **state)
{
    AUTO(loop_free) struct loop *loop = NULL;
    struct fault why = {0};
    struct loop_timer *timer = NULL;
    struct loop_io *io = NULL;
    int pair[2];

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    assert_int_equal(loop_new(&loop, &why), 0);
    io = loop_watch(loop, pair[0], LOOP_READ, on_ready_never, NULL);
    assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0), 0);
    io = loop_io_close(io);
    assert_null(io);
    timer = loop_timer_new(loop, on_timer, loop);
    loop_timer_set(timer, 5 * NS_PER_MS);
    loop_run(loop);
    (void)loop_timer_free(timer);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

struct turns {
    struct loop *loop;
    struct loop_turn *turn;
    struct loop_io *io;
    int socket;
    unsigned came;
    unsigned read;
};

static void on_turn(void *owner)
{
    struct turns *turns = (struct turns *)owner;

    turns->came++;
    if (turns->came < 3) {
        loop_turn_ask(turns->turn);
        loop_turn_ask(turns->turn); /* once is enough */
    } else {
        turns->turn = loop_turn_free(turns->turn);
        loop_io_want(turns->io, LOOP_READ);
    }
}

/* Asking for the same again changes nothing; for nothing and then for something, it is back. */
static void on_readable(void *owner, unsigned events)
{
    struct turns *turns = (struct turns *)owner;
    char byte = 0;

    assert_int_equal(events, LOOP_READ);
    assert_int_equal(turns->came, 3);
    turns->read++;
    loop_io_want(turns->io, LOOP_READ);
    if (turns->read == 2) {
        loop_io_want(turns->io, 0);
        loop_io_want(turns->io, LOOP_READ);
    } else if (turns->read == 3) {
        assert_int_equal(read(turns->socket, &byte, 1), 1);
        loop_stop(turns->loop);
    }
}

static void turns_come_one_by_one_and_events_as_long_as_they_are_wanted(void **state)
{
    AUTO(loop_free) struct loop *loop = NULL;
    struct fault why = {0};
    struct turns turns = {0};
    int pair[2];

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    assert_int_equal(loop_new(&loop, &why), 0);
    turns.loop = loop;
    turns.socket = pair[0];
    turns.turn = loop_turn_new(loop, on_turn, &turns);
    turns.io = loop_watch(loop, pair[0], 0, on_readable, &turns);
    assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0), 0);
    loop_turn_ask(turns.turn);
    loop_run(loop);
    assert_int_equal(turns.came, 3);
    assert_int_equal(turns.read, 3);
    turns.io = loop_io_close(turns.io);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void a_loop_takes_forgotten_children_along(void **state)
{
    struct fault why = {0};
    struct loop *loop = NULL;
    int pid = fork();

    (void)state;
    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(loop_new(&loop, &why), 0);
    assert_null(loop_child_forget(loop_child_new(loop, pid, NULL, NULL, &why)));
    loop = loop_free(loop); /* the leak checker of the asan build watches this */
    assert_null(loop);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_bring_their_descriptors),
        cmocka_unit_test(a_packet_with_too_many_descriptors_leaves_none_open),
        cmocka_unit_test(a_file_is_replaced_and_read_back),
        cmocka_unit_test(nobody_leaves_a_folder_by_dots_or_links),
        cmocka_unit_test(sealed_memory_cannot_be_written),
        cmocka_unit_test(a_child_gets_just_its_descriptors_and_is_reaped_once),
        cmocka_unit_test(a_program_that_is_missing_is_named),
        cmocka_unit_test(a_closed_source_never_calls_again),
        cmocka_unit_test(turns_come_one_by_one_and_events_as_long_as_they_are_wanted),
        cmocka_unit_test(a_loop_takes_forgotten_children_along),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
