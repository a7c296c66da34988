/* SPDX-License-Identifier: Apache-2.0 */
/* How many files a task may have open, and that its neighbours can still open theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"
#include "test/unit/engine/house.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

enum { DESCRIPTORS = 4096, RAIDERS = 12, NAMES = 8 };

static char folder[] = "/tmp/engine-files-XXXXXX";

static int set_up(void **state)
{
    const struct rlimit few = {DESCRIPTORS, DESCRIPTORS};
    char path[64];

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(path, sizeof(path), "%s/name-%d", folder, i);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    return house_open(state);
}

static int tear_down(void **state)
{
    char path[64];

    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(path, sizeof(path), "%s/name-%d", folder, i);
        (void)rmdir(path);
    }
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    (void)unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return house_close(state);
}

static void put(const char *path, const char *bytes, size_t length)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(close(fd), 0);
}

static ssize_t get(const char *path, char *bytes, size_t room)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd < 0 ? -1 : read(fd, bytes, room);

    assert_int_equal(close(fd), 0);
    return length;
}

/* A task that has the folder as /data. */
static void start_with(struct house_task *task, const char *guest, const char *const *args,
                       uint64_t file_max, bool read_only)
{
    struct engine_folder one = {.guest_path = "/data", .read_only = read_only};

    house_prepare(task, args);
    one.dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(one.dir >= 0);
    task->grant.folders = &one;
    task->grant.folder_count = 1;
    task->grant.limits.file_max = file_max;
    house_start(task, guest);
}

static void start(struct house_task *task, const char *guest, const char *const *args,
                  uint64_t file_max)
{
    start_with(task, guest, args, file_max, true);
}

struct reading {
    int fd;
    size_t length;
    char text[4096];
};

static bool has_a_line(void *of)
{
    struct reading *reading = (struct reading *)of;
    ssize_t got = read(reading->fd, reading->text + reading->length,
                       sizeof(reading->text) - 1 - reading->length);

    reading->length += got > 0 ? (size_t)got : 0;
    return strchr(reading->text, '\n') != NULL;
}

/* The number at the start of the first line that it says. */
static unsigned long first_number(const struct house_task *task)
{
    struct reading reading = {.fd = task->output};

    house_await(has_a_line, &reading, "a line of the guest");
    return strtoul(reading.text, NULL, 10);
}

static void a_task_opens_as_many_files_as_its_limit_says(void **state)
{
    static const struct {
        const char *guest;
        const char *verb;
        uint64_t limit;
        const char *answer; /* what the guest is told */
        const char *said;
    } rows[] = {
        {"raider3", "files", 0, "1024 files: ErrorCode::InsufficientMemory", "1024 files"},
        {"raider3", "files", 100, "100 files: ErrorCode::InsufficientMemory", "100 files"},
        {"hello", "hold", 0, "1024 files: No file descriptors available", "1024 files"},
        {"hello", "hold", 100, "100 files: No file descriptors available", "100 files"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct house_task task;
        const char *said;

        start(&task, rows[i].guest, ARGS("raider", rows[i].verb, "/data/file"), rows[i].limit);
        (void)house_wait(&task);
        said = house_read(task.output);
        if (!strstr(said, rows[i].answer)) {
            fail_msg("%s says %s (%s)", rows[i].guest, said, task.end.text);
        }
        said = house_read(task.error);
        if (!strstr(said, rows[i].said)) {
            fail_msg("on stderr is %s", said);
        }
        house_done(&task);
    }
}

static void twelve_that_hold_all_they_can_leave_some_for_a_neighbour(void **state)
{
    struct house_task raiders[RAIDERS];
    struct house_task task;
    unsigned long all = 0;

    (void)state;
    for (size_t i = 0; i < RAIDERS; i++) {
        unsigned long held;

        start(&raiders[i], "raider", ARGS("raider", "hold-files"), 0);
        held = first_number(&raiders[i]);
        assert_true(held >= 16 && held <= 1024);
        all += held;
    }
    assert_true(all >= DESCRIPTORS / 2 && all <= DESCRIPTORS);
    start(&task, "hello", ARGS("hello", "cat", "/data/file"), 0);
    assert_int_equal(house_wait(&task)->code, 0);
    assert_string_equal(house_read(task.error), "");
    house_done(&task);
    for (size_t i = 0; i < RAIDERS; i++) {
        engine_task_kill(raiders[i].task);
        (void)house_wait(&raiders[i]);
        house_done(&raiders[i]);
    }
    /* What they had is everybody's again. */
    start(&task, "raider3", ARGS("raider3", "files"), 0);
    (void)house_wait(&task);
    assert_non_null(strstr(house_read(task.output), "1024 files"));
    house_done(&task);
}

static void files_that_are_closed_again_are_no_burden(void **state)
{
    struct house_task task;

    (void)state;
    start(&task, "raider", ARGS("raider", "open-close"), 0);
    assert_int_equal(house_wait(&task)->code, 0);
    assert_string_equal(house_read(task.error), "");
    house_done(&task);
}

static void listings_that_nobody_reads_keep_nobody_from_their_files(void **state)
{
    struct house_task raider;
    struct house_task task;

    (void)state;
    start(&raider, "raider3", ARGS("raider3", "listings"), 0);
    (void)first_number(&raider);
    start(&task, "hello", ARGS("hello", "cat", "/data/file"), 0);
    assert_int_equal(house_wait(&task)->code, 0);
    house_done(&task);
    engine_task_kill(raider.task);
    (void)house_wait(&raider);
    house_done(&raider);
}

static void calls_that_hang_keep_threads_of_their_own_task_only(void **state)
{
    struct house_task raiders[RAIDERS];
    struct house_task task;
    char pipe[64];
    int end;

    (void)state;
    (void)snprintf(pipe, sizeof(pipe), "%s/pipe", folder);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    for (size_t i = 0; i < RAIDERS; i++) {
        start(&raiders[i], "raider3", ARGS("raider3", "hang"), 0);
        (void)first_number(&raiders[i]);
    }
    for (int i = 0; i < NAMES; i++) {
        start(&task, "hello", ARGS("hello", "cat", "/data/file"), 0);
        assert_int_equal(house_wait(&task)->code, 0);
        house_done(&task);
    }
    for (size_t i = 0; i < RAIDERS; i++) {
        engine_task_kill(raiders[i].task);
        (void)house_wait(&raiders[i]);
        house_done(&raiders[i]);
    }
    end = open(pipe, O_RDWR | O_CLOEXEC); /* whoever still opens it comes through */
    assert_true(end >= 0);
    start(&task, "raider3", ARGS("raider3", "files"), 0);
    (void)house_wait(&task);
    assert_non_null(strstr(house_read(task.output), "1024 files"));
    house_done(&task);
    assert_int_equal(close(end), 0);
    assert_int_equal(unlink(pipe), 0);
}

static void streams_copy_a_file_whole(void **state)
{
    static const struct {
        const char *guest;
        const char *said;
    } rows[] = {
        {"raider3", "read Ok(()), written Ok(()), added Ok(())\nfolder 0 Err(ErrorCode::IsDirectory"},
        {"raider", "read 3000000 and 3000000"},
    };
    enum { LENGTH = 3000000, TAIL = 5 };
    static char bytes[LENGTH];
    static char copied[LENGTH + TAIL + 1];
    char path[2][64];

    (void)state;
    for (size_t i = 0; i < LENGTH; i++) {
        bytes[i] = (char)(i * 7 / 3);
    }
    (void)snprintf(path[0], sizeof(path[0]), "%s/large", folder);
    (void)snprintf(path[1], sizeof(path[1]), "%s/copy", folder);
    put(path[0], bytes, LENGTH);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct house_task task;
        const char *said;

        start_with(&task, rows[i].guest, ARGS("raider", "copy"), 0, false);
        (void)house_wait(&task);
        said = house_read(task.output);
        if (!strstr(said, rows[i].said)) {
            fail_msg("%s says %s (%s)", rows[i].guest, said, task.end.text);
        }
        house_done(&task);
        assert_int_equal(get(path[1], copied, sizeof(copied)), LENGTH + TAIL);
        assert_memory_equal(copied, bytes, LENGTH);
        assert_memory_equal(copied + LENGTH, "tail\n", TAIL);
        assert_int_equal(unlink(path[1]), 0);
    }
    assert_int_equal(unlink(path[0]), 0);
}

static void a_listing_has_every_name_and_its_kind(void **state)
{
    struct house_task task;
    const char *said;
    char line[64];

    (void)state;
    start(&task, "raider3", ARGS("raider3", "names"), 0);
    (void)house_wait(&task);
    said = house_read(task.output);
    assert_non_null(strstr(said, "DescriptorType::RegularFile file\n"));
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(line, sizeof(line), "DescriptorType::Directory name-%d\n", i);
        assert_non_null(strstr(said, line));
    }
    assert_non_null(strstr(said, "Ok(())"));
    house_done(&task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_opens_as_many_files_as_its_limit_says),
        cmocka_unit_test(twelve_that_hold_all_they_can_leave_some_for_a_neighbour),
        cmocka_unit_test(files_that_are_closed_again_are_no_burden),
        cmocka_unit_test(listings_that_nobody_reads_keep_nobody_from_their_files),
        cmocka_unit_test(calls_that_hang_keep_threads_of_their_own_task_only),
        cmocka_unit_test(streams_copy_a_file_whole),
        cmocka_unit_test(a_listing_has_every_name_and_its_kind),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
