/* SPDX-License-Identifier: Apache-2.0 */
/* Execs: what can be executed, their own life, their place in the container's. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/loop.h"
#include "shim/ttrpc/message.h"
#include "world.h"

#define TEXT(constant) ((char *)(uintptr_t)(constant))

static void exec_ok(struct world *world, const char *exec_id, const char *arg)
{
    struct ask ask;

    exec_begin(world, &ask, "one", exec_id, arg);
    ask_await(&ask);
    if (ask.refused) {
        fail_msg("exec was refused: %s", ask.why.text);
    }
}

static void exec_refused(struct world *world, const char *arg, enum fault_kind kind,
                         const char *part)
{
    struct ask ask;
    const struct container *container = NULL;

    exec_begin(world, &ask, "one", "bad", arg);
    ask_await(&ask);
    assert_true(ask.refused);
    if (!strstr(ask.why.text, part)) {
        fail_msg("%s", ask.why.text);
    }
    assert_int_equal(ask.why.kind, kind);
    container = pods_find(world->pods, "ns", "one");
    assert_int_equal(container->execs_count, 0);
}

static void an_exec_lives_inside_its_container(void **state)
{
    static const char *const want[] = {
        "/tasks/create ns one",         "/tasks/start ns one",
        "/tasks/exec-added ns one e",   "/tasks/exec-started ns one e",
        "/tasks/exit ns one e 5",       "/tasks/exit ns one one 0",
    };
    struct world *world = *state;
    struct ask exec;
    struct ask init;

    create_ok(world, "one");
    start_ok(world, "one", "");
    exec_ok(world, "e", "hello");
    assert_int_equal(state_of(world, "one", "e"), TASK__STATUS__CREATED);
    wait_begin(world, &exec, "one", "e");
    wait_begin(world, &init, "one", "");
    start_ok(world, "one", "e");
    assert_string_equal(fake_run_name(fake_run_at(1)), "ns/one/e");
    assert_string_equal(fake_run_domain(fake_run_at(1)), fake_run_domain(fake_run_at(0)));
    fake_run_exit(fake_run_at(1), RUN_EXITED, 5, "");
    assert_int_equal(wait_status(&exec), 5);
    assert_false(init.done);
    delete_ok(world, "one", "e", 5);
    fake_run_exit(fake_run_at(0), RUN_EXITED, 0, "");
    assert_int_equal(wait_status(&init), 0);
    expect_events(world, want, ARRAY_SIZE(want));
}

static void an_exec_of_a_paused_container_starts_after_its_resume(void **state)
{
    struct world *world = *state;
    Task__PauseRequest pause = TASK__PAUSE_REQUEST__INIT;
    Task__StartRequest request = TASK__START_REQUEST__INIT;

    create_ok(world, "one");
    start_ok(world, "one", "");
    exec_ok(world, "e", "hello");
    pause.id = TEXT("one");
    (void)ask_ok(world, "Pause", &pause.base, NULL);
    request.id = TEXT("one");
    request.exec_id = TEXT("e");
    ask_refused(world, "Start", &request.base, FAULT_STATE,
                "container one is paused: failed precondition");
    (void)ask_ok(world, "Resume", &pause.base, NULL);
    start_ok(world, "one", "e");
}

static void the_end_of_the_init_ends_its_execs_first(void **state)
{
    static const char *const want[] = {
        "/tasks/create ns one",       "/tasks/start ns one",
        "/tasks/exec-added ns one e", "/tasks/exec-started ns one e",
        "/tasks/exec-added ns one f", "/tasks/exit ns one f 137",
        "/tasks/exit ns one e 137",   "/tasks/exit ns one one 0",
    };
    struct world *world = *state;
    struct ask exec;
    struct ask init;

    create_ok(world, "one");
    start_ok(world, "one", "");
    exec_ok(world, "e", "hello");
    start_ok(world, "one", "e");
    exec_ok(world, "f", "hello");
    wait_begin(world, &exec, "one", "e");
    wait_begin(world, &init, "one", "");
    fake_run_exit(fake_run_at(0), RUN_EXITED, 0, "");
    assert_int_equal(wait_status(&init), 0);
    assert_true(exec.done);
    assert_int_equal(wait_status(&exec), 137);
    expect_events(world, want, ARRAY_SIZE(want));
}

static bool two_were_made(void *owner)
{
    (void)owner;
    return fake_runs_made() == 2;
}

static void an_exec_that_is_still_prepared_gives_up_with_the_init(void **state)
{
    struct world *world = *state;
    struct ask exec;
    struct ask init;

    create_ok(world, "one");
    start_ok(world, "one", "");
    fake_plan.holds_ready = true;
    exec_begin(world, &exec, "one", "e", "hello");
    turn_until(world->loop, two_were_made, NULL, "the exec's run");
    wait_begin(world, &init, "one", "");
    fake_run_exit(fake_run_at(0), RUN_EXITED, 0, "");
    assert_int_equal(wait_status(&init), 0);
    ask_await(&exec);
    assert_true(exec.refused);
    assert_int_equal(exec.why.kind, FAULT_UNAVAILABLE);
    delete_ok(world, "one", "", 0);
}

static void an_artifact_runs_only_itself(void **state)
{
    struct world *world = *state;

    create_ok(world, "one");
    start_ok(world, "one", "");
    exec_refused(world, "/bin/sh", FAULT_INVALID, "its own name is hello");
    exec_refused(world, "skep:run", FAULT_INVALID, "skep:call 'acme:demo/add.add(1, 2)'");
    exec_ok(world, "e", "/some/where/hello");
    delete_ok(world, "one", "e", 137);
}

static void a_tar_image_runs_any_command_in_it(void **state)
{
    static const char json[] = "{\"process\":{\"args\":[\"/hello.wasm\"],\"cwd\":\"/\"},"
                               "\"root\":{\"path\":\"rootfs\"}}";
    static const char *const names[] = {"hello.wasm", "other.wasm"};
    struct world *world = *state;
    char path[128];
    struct ask ask;

    bundle_write(world, "one", json);
    (void)snprintf(path, sizeof(path), "%s/one/rootfs", world->folder);
    assert_int_equal(mkdir(path, 0755), 0);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        FILE *file = NULL;

        (void)snprintf(path, sizeof(path), "%s/one/rootfs/%s", world->folder, names[i]);
        file = fopen(path, "w");
        assert_non_null(file);
        (void)fputs("wasm", file);
        (void)fclose(file);
    }
    fake_image.form = IMAGE_TAR;
    create_begin(world, &ask, "one");
    ask_await(&ask);
    assert_false(ask.refused);
    start_ok(world, "one", "");
    exec_ok(world, "e", "/other.wasm");
    delete_ok(world, "one", "e", 137);
    exec_refused(world, "/bin/sh", FAULT_INVALID, "/bin/sh");
    exec_refused(world, "/bin/sh", FAULT_INVALID, "as its own /hello.wasm");
}

static void a_server_is_not_executed(void **state)
{
    struct world *world = *state;

    create_ok(world, "one");
    start_ok(world, "one", "");
    fake_plan.kind = RUN_SERVER;
    exec_refused(world, "hello", FAULT_INVALID, "hello is a server; only a command can be executed");
}

static void an_exec_needs_a_container_that_runs(void **state)
{
    struct world *world = *state;
    Task__StartRequest request = TASK__START_REQUEST__INIT;
    struct ask ask;

    create_ok(world, "one");
    exec_refused(world, "hello", FAULT_STATE,
                 "container one init process is not running: failed precondition");
    start_ok(world, "one", "");
    exec_ok(world, "e", "hello");
    exec_begin(world, &ask, "one", "e", "hello");
    ask_await(&ask);
    assert_string_equal(ask.why.text, "id e: already exists");
    fake_run_exit(fake_run_at(0), RUN_EXITED, 0, "");
    wait_begin(world, &ask, "one", "");
    assert_int_equal(wait_status(&ask), 0);
    request.id = TEXT("one");
    request.exec_id = TEXT("e");
    ask_refused(world, "Start", &request.base, FAULT_STATE,
                "container one init process is not running: failed precondition");
}

static void kill_all_reaches_the_execs(void **state)
{
    struct world *world = *state;
    Task__KillRequest request = TASK__KILL_REQUEST__INIT;
    struct ask exec;

    fake_plan.kind = RUN_COMMAND;
    create_ok(world, "one");
    start_ok(world, "one", "");
    exec_ok(world, "e", "hello");
    start_ok(world, "one", "e");
    wait_begin(world, &exec, "one", "e");
    request.id = TEXT("one");
    request.signal = SIGTERM;
    request.all = true;
    (void)ask_ok(world, "Kill", &request.base, NULL);
    assert_int_equal(wait_status(&exec), 143);
}

static void what_an_exec_used_stays_counted(void **state)
{
    struct world *world = *state;
    struct engine_counters counters;
    struct ask ask;

    fake_plan.counters = (struct engine_counters){.cpu_ns = 10, .memory_bytes = 100};
    create_ok(world, "one");
    start_ok(world, "one", "");
    exec_ok(world, "e", "hello");
    start_ok(world, "one", "e");
    container_counters(pods_find(world->pods, "ns", "one"), &counters);
    assert_int_equal(counters.cpu_ns, 20);
    assert_int_equal(counters.memory_bytes, 200);
    wait_begin(world, &ask, "one", "e");
    fake_run_exit(fake_run_at(1), RUN_EXITED, 0, "");
    assert_int_equal(wait_status(&ask), 0);
    delete_ok(world, "one", "e", 0);
    container_counters(pods_find(world->pods, "ns", "one"), &counters);
    assert_int_equal(counters.cpu_ns, 20);
    assert_int_equal(counters.memory_bytes, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_exec_lives_inside_its_container),
        TEST(an_exec_of_a_paused_container_starts_after_its_resume),
        TEST(the_end_of_the_init_ends_its_execs_first),
        TEST(an_exec_that_is_still_prepared_gives_up_with_the_init),
        TEST(an_artifact_runs_only_itself),
        TEST(a_tar_image_runs_any_command_in_it),
        TEST(a_server_is_not_executed),
        TEST(an_exec_needs_a_container_that_runs),
        TEST(kill_all_reaches_the_execs),
        TEST(what_an_exec_used_stays_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
