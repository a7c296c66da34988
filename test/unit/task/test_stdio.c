/* SPDX-License-Identifier: Apache-2.0 */
/* Stdio of a guest: FIFOs that outlive their client, files, loggers, last words. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "shim/task/logger.h"
#include "shim/task/stdio.h"
#include "turn.h"

struct room {
    struct loop *loop;
    char folder[32];
    char in[64];
    char out[64];
    char err[64];
    struct stdio *stdio;
    struct run_stdio ends;
    bool said;
};

static int room_open(void **state)
{
    struct room *room = NEW(struct room);
    struct fault why = {0};

    (void)snprintf(room->folder, sizeof(room->folder), "/tmp/skep-stdio-XXXXXX");
    assert_non_null(mkdtemp(room->folder));
    (void)snprintf(room->in, sizeof(room->in), "%s/in", room->folder);
    (void)snprintf(room->out, sizeof(room->out), "%s/out", room->folder);
    (void)snprintf(room->err, sizeof(room->err), "%s/err", room->folder);
    room->ends = (struct run_stdio){-1, -1, -1};
    assert_int_equal(loop_new(&room->loop, &why), 0);
    *state = room;
    return 0;
}

static bool no_logger_is_left(void *owner)
{
    (void)owner;
    return loggers_ending() == 0;
}

static int room_close(void **state)
{
    struct room *room = *state;
    static const char *const names[] = {"in", "out", "err", "log", "seen", "logger"};
    char path[64];

    (void)fd_close(room->ends.in);
    (void)fd_close(room->ends.out);
    (void)fd_close(room->ends.err);
    room->stdio = stdio_close(room->stdio, room->loop);
    turn_until(room->loop, no_logger_is_left, NULL, "the loggers to end");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", room->folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(room->folder);
    (void)loop_free(room->loop);
    free(room);
    return 0;
}

static void make_fifos(struct room *room)
{
    assert_int_equal(mkfifo(room->in, 0600), 0);
    assert_int_equal(mkfifo(room->out, 0600), 0);
    assert_int_equal(mkfifo(room->err, 0600), 0);
}

static void open_texts(struct room *room, const char *in, const char *out, const char *err)
{
    const struct stdio_plan plan = {in, out, err, false, "ns", "id"};
    struct fault why = {0};

    if (stdio_open(&plan, &room->stdio, &why) < 0) {
        fail_msg("%s", why.text);
    }
}

static void take(struct room *room)
{
    struct fault why = {0};

    assert_int_equal(stdio_take(room->stdio, &room->ends, &why), 0);
}

static void say_now(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void expect_read(int fd, const char *want)
{
    char got[4096];
    ssize_t length = read(fd, got, sizeof(got) - 1);

    assert_true(length >= 0);
    got[length] = '\0';
    assert_string_equal(got, want);
}

static void nothing_named_is_nothing_opened(void **state)
{
    struct room *room = *state;

    open_texts(room, "", "", "");
    take(room);
    assert_int_equal(room->ends.in, -1);
    assert_int_equal(room->ends.out, -1);
    assert_int_equal(room->ends.err, -1);
}

static void a_reader_may_go_and_come_again_without_loss(void **state)
{
    struct room *room = *state;
    int reader;

    make_fifos(room);
    open_texts(room, "", room->out, room->err);
    take(room);
    reader = open(room->out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(write(room->ends.out, "one", 3), 3);
    expect_read(reader, "one");
    (void)close(reader);
    assert_int_equal(write(room->ends.out, "two", 3), 3);
    reader = open(room->out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    expect_read(reader, "two");
    (void)close(reader);
}

static void the_guest_cannot_read_its_own_output(void **state)
{
    struct room *room = *state;
    char byte;

    make_fifos(room);
    open_texts(room, "", room->out, room->err);
    take(room);
    assert_int_equal(write(room->ends.out, "x", 1), 1);
    assert_int_equal(read(room->ends.out, &byte, 1), -1);
    assert_int_equal(errno, EBADF);
}

static void readers_see_the_end_when_both_have_closed(void **state)
{
    struct room *room = *state;
    int reader;
    char byte;

    make_fifos(room);
    open_texts(room, "", room->out, "");
    take(room);
    reader = open(room->out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    room->ends.out = fd_close(room->ends.out);
    assert_int_equal(read(reader, &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    room->stdio = stdio_close(room->stdio, room->loop);
    assert_int_equal(read(reader, &byte, 1), 0);
    (void)close(reader);
}

static void stdin_ends_when_containerd_says_so_and_not_before(void **state)
{
    struct room *room = *state;
    char byte;

    make_fifos(room);
    open_texts(room, room->in, "", "");
    say_now(room->in, "hello");
    take(room);
    expect_read(room->ends.in, "hello");
    assert_int_equal(read(room->ends.in, &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    stdio_close_in(room->stdio);
    assert_int_equal(read(room->ends.in, &byte, 1), 0);
}

static void what_was_written_to_stdin_before_the_start_is_kept(void **state)
{
    struct room *room = *state;
    char byte;

    make_fifos(room);
    open_texts(room, room->in, "", "");
    say_now(room->in, "early");
    stdio_close_in(room->stdio);
    take(room);
    expect_read(room->ends.in, "early");
    assert_int_equal(read(room->ends.in, &byte, 1), 0);
}

static void a_file_is_appended_to_and_made_with_its_folders(void **state)
{
    struct room *room = *state;
    char url[128];
    char path[128];
    char folder[128];
    int reader;

    (void)snprintf(folder, sizeof(folder), "%s/deep", room->folder);
    (void)snprintf(path, sizeof(path), "%s/log", folder);
    (void)snprintf(url, sizeof(url), "file://%s", path);
    for (int i = 0; i < 2; i++) {
        open_texts(room, "", url, url);
        take(room);
        assert_int_equal(write(room->ends.out, "out ", 4), 4);
        assert_int_equal(write(room->ends.err, "err ", 4), 4);
        room->ends.out = fd_close(room->ends.out);
        room->ends.err = fd_close(room->ends.err);
        room->stdio = stdio_close(room->stdio, room->loop);
    }
    reader = open(path, O_RDONLY | O_CLOEXEC);
    expect_read(reader, "out err out err ");
    (void)close(reader);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void what_cannot_be_opened_is_named(void **state)
{
    static const struct {
        const char *in;
        const char *out;
        enum fault_kind kind;
        const char *text;
    } rows[] = {
        {"", "/nowhere/at-all", FAULT_NOT_FOUND, "/nowhere/at-all"},
        {"/nowhere/in", "", FAULT_NOT_FOUND, "/nowhere/in"},
        {"", "relative", FAULT_INVALID, "relative"},
        {"", "https://x/y", FAULT_INVALID, "https://x/y"},
        {"", "binary://relative", FAULT_INVALID, "relative"},
        {"", "binary:///nowhere/logger", FAULT_NOT_FOUND, "/nowhere/logger"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct stdio_plan plan = {rows[i].in, rows[i].out, "", false, "ns", "id"};
        struct stdio *stdio = NULL;
        struct fault why = {0};

        assert_true(stdio_open(&plan, &stdio, &why) < 0);
        assert_null(stdio);
        assert_int_equal(why.kind, rows[i].kind);
        assert_non_null(strstr(why.text, rows[i].text));
    }
}

static void a_terminal_is_refused_in_words(void **state)
{
    const struct stdio_plan plan = {"", "", "", true, "ns", "id"};
    struct stdio *stdio = NULL;
    struct fault why = {0};

    (void)state;
    assert_true(stdio_open(&plan, &stdio, &why) < 0);
    assert_int_equal(why.kind, FAULT_INVALID);
    assert_string_equal(why.text, "a component has no terminal: run it without one");
}

static void say_done(void *owner)
{
    *(bool *)owner = true;
}

static void last_words_come_after_what_the_guest_wrote(void **state)
{
    struct room *room = *state;
    int reader;

    make_fifos(room);
    open_texts(room, "", "", room->err);
    take(room);
    reader = open(room->err, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(write(room->ends.err, "mine\n", 5), 5);
    room->ends.err = fd_close(room->ends.err);
    stdio_say(room->stdio, room->loop, "lost: the worker died", say_done, &room->said);
    assert_false(room->said);
    turn_until_true(room->loop, &room->said, "the last words");
    expect_read(reader, "mine\nskep: lost: the worker died\n");
    (void)close(reader);
}

/* Fills a FIFO to the brim through the guest's end. */
static size_t fill(int fd)
{
    static const char page[4096] = {'x'};
    size_t total = 0;
    ssize_t wrote;

    while ((wrote = write(fd, page, sizeof(page))) > 0) {
        total += (size_t)wrote;
    }
    assert_int_equal(errno, EAGAIN);
    return total;
}

static void last_words_wait_for_a_slow_reader(void **state)
{
    struct room *room = *state;
    char page[4096];
    size_t left;
    int reader;

    make_fifos(room);
    open_texts(room, "", "", room->err);
    take(room);
    reader = open(room->err, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    left = fill(room->ends.err);
    stdio_say(room->stdio, room->loop, "words", say_done, &room->said);
    while (left > 0) {
        ssize_t got = read(reader, page, sizeof(page));

        assert_true(got > 0);
        left -= (size_t)got;
    }
    turn_until_true(room->loop, &room->said, "room for the last words");
    expect_read(reader, "skep: words\n");
    (void)close(reader);
}

static void last_words_nobody_reads_are_given_up(void **state)
{
    struct room *room = *state;

    make_fifos(room);
    open_texts(room, "", "", room->err);
    take(room);
    (void)fill(room->ends.err);
    stdio_say(room->stdio, room->loop, "words", say_done, &room->said);
    turn_until_true(room->loop, &room->said, "giving up");
}

static void a_loggers_address_is_taken_apart(void **state)
{
    struct logger_args args;
    struct fault why = {0};
    struct buf long_one = BUF(LOGGER_ADDRESS_MAX);

    (void)state;
    assert_int_equal(logger_parse("/bin/my%20logger?key=a%2Fb&flag&x=1+2%zz", &args, &why), 0);
    assert_int_equal(args.count, 7);
    assert_string_equal(args.argv[0], "/bin/my logger");
    assert_string_equal(args.argv[1], "key");
    assert_string_equal(args.argv[2], "a/b");
    assert_string_equal(args.argv[3], "flag");
    assert_string_equal(args.argv[4], "");
    assert_string_equal(args.argv[5], "x");
    assert_string_equal(args.argv[6], "1 2%zz");
    assert_null(args.argv[7]);
    logger_args_fini(&args);
    assert_int_equal(logger_parse("/bin/x%2", &args, &why), 0);
    assert_string_equal(args.argv[0], "/bin/x%2");
    logger_args_fini(&args);
    buf_print(&long_one, "/x?");
    for (int i = 0; i < LOGGER_ARGS_MAX; i++) {
        buf_print(&long_one, "k%d=v&", i);
    }
    buf_put_u8(&long_one, 0);
    assert_true(logger_parse((const char *)long_one.data, &args, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    logger_args_fini(&args);
    buf_fini(&long_one);
}

/* A logger in sh: says that it is ready, copies both streams and its arguments into a file. */
static void write_logger(const struct room *room, const char *ready)
{
    char path[64];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s/logger", room->folder);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "#!/bin/sh\n%s\n"
                  "{ echo \"$CONTAINER_NAMESPACE/$CONTAINER_ID $*\"; cat <&3; cat <&4; } > %s/seen.new\n"
                  "mv %s/seen.new %s/seen\n",
                  ready, room->folder, room->folder, room->folder);
    (void)fclose(file);
    assert_int_equal(chmod(path, 0700), 0);
}

static bool log_is_there(void *owner)
{
    const struct room *room = owner;
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/seen", room->folder);
    return access(path, F_OK) == 0;
}

static void a_logger_reads_both_streams_to_their_end(void **state)
{
    struct room *room = *state;
    char url[128];
    char seen[64];
    int reader;

    write_logger(room, "echo >&5; exec 5>&-");
    (void)snprintf(url, sizeof(url), "binary-v2://%s/logger?level=info", room->folder);
    (void)snprintf(seen, sizeof(seen), "%s/seen", room->folder);
    open_texts(room, "", url, url);
    take(room);
    assert_int_equal(write(room->ends.out, "to stdout\n", 10), 10);
    assert_int_equal(write(room->ends.err, "to stderr\n", 10), 10);
    room->ends.out = fd_close(room->ends.out);
    room->ends.err = fd_close(room->ends.err);
    room->stdio = stdio_close(room->stdio, room->loop);
    turn_until(room->loop, log_is_there, room, "the logger's file");
    reader = open(seen, O_RDONLY | O_CLOEXEC);
    expect_read(reader, "ns/id level info\nto stdout\nto stderr\n");
    (void)close(reader);
}

static void a_logger_that_goes_without_a_word_failed_by_the_second_form_alone(void **state)
{
    struct room *room = *state;
    struct stdio_plan plan = {"", NULL, "", false, "ns", "id"};
    struct fault why = {0};
    char url[128];

    write_logger(room, "exit 0");
    (void)snprintf(url, sizeof(url), "binary-v2://%s/logger", room->folder);
    plan.out = url;
    assert_true(stdio_open(&plan, &room->stdio, &why) < 0);
    assert_int_equal(why.kind, FAULT_UNAVAILABLE);
    (void)snprintf(url, sizeof(url), "binary://%s/logger", room->folder);
    assert_int_equal(stdio_open(&plan, &room->stdio, &why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_named_is_nothing_opened, room_open, room_close),
        cmocka_unit_test_setup_teardown(a_reader_may_go_and_come_again_without_loss, room_open,
                                        room_close),
        cmocka_unit_test_setup_teardown(the_guest_cannot_read_its_own_output, room_open, room_close),
        cmocka_unit_test_setup_teardown(readers_see_the_end_when_both_have_closed, room_open,
                                        room_close),
        cmocka_unit_test_setup_teardown(stdin_ends_when_containerd_says_so_and_not_before,
                                        room_open, room_close),
        cmocka_unit_test_setup_teardown(what_was_written_to_stdin_before_the_start_is_kept,
                                        room_open, room_close),
        cmocka_unit_test_setup_teardown(a_file_is_appended_to_and_made_with_its_folders, room_open,
                                        room_close),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_named, room_open, room_close),
        cmocka_unit_test_setup_teardown(a_terminal_is_refused_in_words, room_open, room_close),
        cmocka_unit_test_setup_teardown(last_words_come_after_what_the_guest_wrote, room_open,
                                        room_close),
        cmocka_unit_test_setup_teardown(last_words_wait_for_a_slow_reader, room_open, room_close),
        cmocka_unit_test_setup_teardown(last_words_nobody_reads_are_given_up, room_open,
                                        room_close),
        cmocka_unit_test_setup_teardown(a_loggers_address_is_taken_apart, room_open, room_close),
        cmocka_unit_test_setup_teardown(a_logger_reads_both_streams_to_their_end, room_open,
                                        room_close),
        cmocka_unit_test_setup_teardown(
            a_logger_that_goes_without_a_word_failed_by_the_second_form_alone, room_open,
            room_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
