/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: how they end, and what of that is told. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/engine/house.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Runs a command to its end; its stdout and stderr stay readable. */
static const struct engine_exit *run(struct house_task *task, const char *guest,
                                     const char *const *args)
{
    house_prepare(task, args);
    house_start(task, guest);
    return house_wait(task);
}

static void a_command_prints_and_exits_with_its_code(void **state)
{
    static const struct {
        const char *code;
        int expected;
    } rows[] = {{"0", 0}, {"1", 1}, {"7", 7}, {"126", 126}, {"255", 255}, {"256", 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct house_task task;
        const struct engine_exit *end = run(&task, "hello", ARGS("hello", "exit", rows[i].code));

        assert_int_equal(end->how, ENGINE_EXITED);
        assert_int_equal(end->code, rows[i].expected);
        assert_string_equal(house_read(task.error), "");
        assert_true(task.counters.cpu_ns > 0);
        assert_true(task.counters.memory_peak > 0);
        house_done(&task);
    }
}

static void a_command_without_an_adapter_exits_with_its_code(void **state)
{
    struct house_task task;

    (void)state;
    assert_int_equal(run(&task, "exits", NULL)->code, 42);
    assert_int_equal(task.end.how, ENGINE_EXITED);
    house_done(&task);
    assert_int_equal(run(&task, "fails", NULL)->code, 1);
    assert_int_equal(task.end.how, ENGINE_EXITED);
    house_done(&task);
    assert_int_equal(run(&task, "silent", NULL)->code, 0);
    assert_int_equal(task.end.how, ENGINE_EXITED);
    house_done(&task);
}

static void a_command_of_the_next_wasi_runs_too(void **state)
{
    struct house_task task;

    (void)state;
    assert_int_equal(run(&task, "command3", ARGS("command3", "exit", "9"))->code, 9);
    assert_int_equal(task.end.how, ENGINE_EXITED);
    house_done(&task);
    assert_int_equal(run(&task, "command3", ARGS("command3", "fail"))->code, 1);
    house_done(&task);
    assert_int_equal(run(&task, "command3", ARGS("command3", "a", "b"))->code, 0);
    assert_non_null(strstr(house_read(task.output), "a"));
    house_done(&task);
}

static void a_command_sees_its_arguments_and_environment_and_no_more(void **state)
{
    struct house_task task;
    const char *text = NULL;

    (void)state;
    house_prepare(&task, ARGS("hello", "show", "one", "two words"));
    task.grant.env = ARGS("NAME=value", "EMPTY=");
    task.grant.env_count = 2;
    house_start(&task, "hello");
    assert_int_equal(house_wait(&task)->code, 0);
    text = house_read(task.output);
    assert_non_null(strstr(text, "two words"));
    assert_non_null(strstr(text, "NAME=value"));
    assert_null(strstr(text, "PATH="));
    house_done(&task);
}

static void a_trap_is_named(void **state)
{
    struct house_task task;
    const struct engine_exit *end = run(&task, "hello", ARGS("hello", "trap"));

    (void)state;
    assert_int_equal(end->how, ENGINE_TRAPPED);
    assert_non_null(strstr(end->text, "unreachable"));
    assert_int_equal(task.counters.traps, 1);
    assert_non_null(strstr(house_read(task.error), "skep: trapped: wasm `unreachable`"));
    house_done(&task);
}

static void the_end_of_the_stack_is_a_trap(void **state)
{
    struct house_task task;
    const struct engine_exit *end = run(&task, "hello", ARGS("hello", "overflow"));

    (void)state;
    assert_int_equal(end->how, ENGINE_TRAPPED);
    house_done(&task);
}

static void memory_beyond_the_limit_is_refused_and_told_as_oom(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare(&task, NULL);
    task.grant.limits.memory_bytes = UINT64_C(16) << 20;
    house_start(&task, "grower");
    assert_int_equal(house_wait(&task)->how, ENGINE_OOM);
    assert_non_null(strstr(task.end.text, "16777216 bytes"));
    /* It traps then, and this guest has names for its functions. */
    assert_non_null(strstr(task.end.text, ", in "));
    assert_int_equal(task.counters.oom, 1);
    assert_int_equal(task.counters.traps, 0);
    assert_true(task.counters.memory_peak <= UINT64_C(16) << 20);
    assert_non_null(strstr(house_read(task.error), "skep: out of memory: "));
    house_done(&task);
}

static void memory_within_the_limit_is_given_and_counted(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare(&task, NULL);
    task.grant.limits.memory_bytes = UINT64_C(40) << 20;
    house_start(&task, "grower");
    assert_int_equal(house_wait(&task)->how, ENGINE_EXITED);
    assert_true(task.counters.memory_peak >= UINT64_C(32) << 20);
    house_done(&task);
}

/* The allocator of its C library takes all pages above its own for its heap. */
static void memory_is_whole_whatever_is_called_before_it_is_taken(void **state)
{
    static const char *const guests[] = {"hello", "hello-component"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
        struct house_task task;

        assert_int_equal(run(&task, guests[i], ARGS("hello", "whole", "8"))->code, 0);
        assert_string_equal(house_read(task.output), "whole\n");
        house_done(&task);
    }
}

static void randomness_comes_in_any_amount(void **state)
{
    struct house_task task;

    (void)state;
    assert_int_equal(run(&task, "dice", NULL)->how, ENGINE_EXITED);
    assert_int_equal(task.end.code, 0);
    house_done(&task);
}

static void a_core_module_over_its_limit_is_oom(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare(&task, ARGS("hello", "eat", "64"));
    task.grant.limits.memory_bytes = UINT64_C(16) << 20;
    house_start(&task, "hello");
    assert_int_equal(house_wait(&task)->how, ENGINE_OOM);
    assert_int_equal(task.counters.oom, 1);
    assert_true(task.counters.memory_peak <= UINT64_C(16) << 20);
    house_done(&task);
}

static void a_limit_too_small_to_begin_with_is_oom(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare(&task, ARGS("hello"));
    task.grant.limits.memory_bytes = 4096;
    house_start(&task, "hello");
    assert_int_equal(house_wait(&task)->how, ENGINE_OOM);
    house_done(&task);
}

static void two_commands_run_at_once(void **state)
{
    struct house_task first;
    struct house_task second;

    (void)state;
    house_prepare(&first, ARGS("hello", "sleep", "3600"));
    house_start(&first, "hello");
    assert_int_equal(run(&second, "hello", ARGS("hello", "exit", "5"))->code, 5);
    house_done(&second);
    assert_int_equal(first.endings, 0);
    engine_task_kill(first.task);
    assert_int_equal(house_wait(&first)->how, ENGINE_KILLED);
    house_done(&first);
}

static void a_kill_reaches_spinners_and_sleepers(void **state)
{
    static const struct {
        const char *guest;
        const char *verb;
    } rows[] = {{"spinner", NULL}, {"hello", "spin"}, {"hello", "sleep"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct house_task task;

        house_prepare(&task, ARGS("hello", rows[i].verb, "3600"));
        house_start(&task, rows[i].guest);
        engine_task_kill(task.task);
        engine_task_kill(task.task);
        assert_int_equal(house_wait(&task)->how, ENGINE_KILLED);
        assert_string_equal(task.end.text, "");
        assert_string_equal(house_read(task.error), "");
        house_done(&task);
    }
}

static void draining_ends_a_command_at_once(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare(&task, ARGS("hello", "sleep", "3600"));
    house_start(&task, "hello");
    engine_task_drain(task.task, UINT64_C(3600) * 1000000000);
    assert_int_equal(house_wait(&task)->how, ENGINE_STOPPED);
    house_done(&task);
}

static void its_descriptors_are_closed_before_the_end_is_told(void **state)
{
    struct house_task task;

    (void)state;
    (void)run(&task, "hello", ARGS("hello"));
    assert_int_equal(fcntl(task.grant.output, F_GETFD), -1);
    assert_int_equal(fcntl(task.grant.error, F_GETFD), -1);
    house_done(&task);
}

static void folders_are_seen_and_read_only_is_kept(void **state)
{
    char folder[] = "/tmp/engine-test-XXXXXX";
    struct house_task task;
    struct engine_folder one = {.guest_path = "/data"};
    char path[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (int read_only = 0; read_only < 2; read_only++) {
        house_prepare(&task, ARGS("hello", "write", "/data/file", "text"));
        one.dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        one.read_only = read_only == 1;
        task.grant.folders = &one;
        task.grant.folder_count = 1;
        house_start(&task, "hello");
        assert_int_equal(house_wait(&task)->code, read_only);
        house_done(&task);
    }
    house_prepare(&task, ARGS("hello", "cat", "/data/../etc/passwd"));
    one.dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    task.grant.folders = &one;
    task.grant.folder_count = 1;
    house_start(&task, "hello");
    assert_int_equal(house_wait(&task)->code, 1);
    house_done(&task);
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* Grants folders one and two, each with a file "file", and runs a command on them. */
static const struct engine_exit *run_on(struct house_task *task, const char *const *folders,
                                        const char *const *args)
{
    struct engine_folder two[2] = {{.guest_path = "/one"}, {.guest_path = "/two"}};

    house_prepare(task, args);
    for (size_t i = 0; i < ARRAY_SIZE(two); i++) {
        two[i].dir = open(folders[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(two[i].dir >= 0);
    }
    task->grant.folders = two;
    task->grant.folder_count = ARRAY_SIZE(two);
    house_start(task, "hello");
    return house_wait(task);
}

static void folders_have_their_own_names_and_files_any_size(void **state)
{
    char one[] = "/tmp/engine-test-XXXXXX";
    char two[] = "/tmp/engine-test-XXXXXX";
    const char *const folders[] = {mkdtemp(one), mkdtemp(two)};
    struct house_task task;
    char path[64];
    int file = -1;

    (void)state;
    assert_int_equal(run_on(&task, folders, ARGS("hello", "write", "/two/file", "text"))->code, 0);
    house_done(&task);
    (void)snprintf(path, sizeof(path), "%s/file", two);
    file = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(file >= 0);
    /* More than the host holds for one call. */
    assert_int_equal(ftruncate(file, 20 << 20), 0);
    (void)close(file);
    assert_int_equal(run_on(&task, folders, ARGS("hello", "gulp", "/two/file"))->code, 0);
    assert_string_equal(house_read(task.output), "20971520 bytes, sum 463\n");
    house_done(&task);
    assert_int_equal(run_on(&task, folders, ARGS("hello", "cat", "/one/file"))->code, 1);
    house_done(&task);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(one), 0);
    assert_int_equal(rmdir(two), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_prints_and_exits_with_its_code),
        cmocka_unit_test(a_command_without_an_adapter_exits_with_its_code),
        cmocka_unit_test(a_command_of_the_next_wasi_runs_too),
        cmocka_unit_test(a_command_sees_its_arguments_and_environment_and_no_more),
        cmocka_unit_test(a_trap_is_named),
        cmocka_unit_test(the_end_of_the_stack_is_a_trap),
        cmocka_unit_test(memory_beyond_the_limit_is_refused_and_told_as_oom),
        cmocka_unit_test(memory_within_the_limit_is_given_and_counted),
        cmocka_unit_test(memory_is_whole_whatever_is_called_before_it_is_taken),
        cmocka_unit_test(randomness_comes_in_any_amount),
        cmocka_unit_test(a_core_module_over_its_limit_is_oom),
        cmocka_unit_test(a_limit_too_small_to_begin_with_is_oom),
        cmocka_unit_test(two_commands_run_at_once),
        cmocka_unit_test(a_kill_reaches_spinners_and_sleepers),
        cmocka_unit_test(draining_ends_a_command_at_once),
        cmocka_unit_test(its_descriptors_are_closed_before_the_end_is_told),
        cmocka_unit_test(folders_are_seen_and_read_only_is_kept),
        cmocka_unit_test(folders_have_their_own_names_and_files_any_size),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
