/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker answers, and what it does with its tasks. */
#include "test/unit/worker/scene.h"

#include <sys/resource.h>

static void hello_is_answered_with_the_engine_s_size_and_the_walls(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene);
    scene_hello(&scene, MESSAGE_VERSION, 0);
    scene_await(&scene, MESSAGE_READY, 1);
    assert_int_equal(scene.last.ready.instances, 16000);
    assert_string_equal(scene.last.ready.walls, "none in tests");
    scene_end(&scene);
}

static void what_keeps_a_worker_from_starting_is_said(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene);
    scene_hello(&scene, MESSAGE_VERSION, 13);
    scene_await(&scene, MESSAGE_LOG, 1);
    assert_string_equal(scene.last.log.text, "start the engine: no room for an engine");
    assert_int_equal(scene.last.log.level, 3);
    assert_string_equal(worker_last_words(scene.worker), scene.last.log.text);
    scene_end(&scene);
    scene_begin(&scene);
    scene_hello(&scene, MESSAGE_VERSION + 1, 0);
    scene_await(&scene, MESSAGE_LOG, 1);
    assert_string_equal(scene.last.log.text, "HELLO comes once, in version 3, not 4");
    scene_end(&scene);
}

static void nothing_comes_before_hello(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene);
    scene_ask(&scene, MESSAGE_KILL, 1);
    scene_await(&scene, MESSAGE_LOG, 1);
    assert_string_equal(scene.last.log.text, "KILL came before HELLO");
    scene_end(&scene);
}

static void components_are_loaded_or_refused_in_words(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    scene_load(&scene, 2, "library");
    scene_await(&scene, MESSAGE_LOADED, 1);
    assert_int_equal(scene.last.loaded.component, 2);
    assert_int_equal(scene.last.loaded.kind, MESSAGE_LIBRARY);
    scene_load(&scene, 3, "garbage");
    scene_await(&scene, MESSAGE_LOADED, 1);
    assert_int_equal(scene.last.loaded.ok, 0);
    assert_string_equal(scene.last.loaded.text, "not precompiled by our compiler");
    scene_load(&scene, 2, "command");
    scene_await(&scene, MESSAGE_LOADED, 1);
    assert_string_equal(scene.last.loaded.text, "it is loaded already");
    scene_end(&scene);
}

static void an_unloaded_component_starts_nothing(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    scene_send(&scene, &(struct message){.kind = MESSAGE_UNLOAD, .unload = {.component = 1}}, NULL,
               0);
    scene_start(&scene, 1, "exit 0");
    scene_await(&scene, MESSAGE_STARTED, 1);
    assert_int_equal(scene.last.started.ok, 0);
    assert_string_equal(scene.last.started.text, "component 1 is not loaded");
    assert_int_equal(fake_seen.components, 0);
    scene_end(&scene);
}

static void a_task_ends_with_its_code_and_its_counters_stay(void **state)
{
    struct scene scene;
    struct engine_counters counters;

    (void)state;
    scene_ready(&scene);
    scene_start(&scene, 9, "exit 7");
    scene_await(&scene, MESSAGE_EXITED, 1);
    assert_int_equal(scene.last.exited.task, 9);
    assert_int_equal(scene.last.exited.how, MESSAGE_EXITED_BY_ITSELF);
    assert_int_equal(scene.last.exited.code, 7);
    stats_page_read(scene.page, 5, &counters);
    assert_int_equal(counters.requests, 1);
    assert_int_equal(fake_seen.memory_bytes, 77);
    assert_int_equal(fake_seen.queue_ns, 88);
    scene_end(&scene);
}

static void an_end_before_the_start_returns_comes_after_started(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    for (uint64_t task = 1; task <= 100; task++) {
        scene_start(&scene, task, "now 3");
    }
    scene_await(&scene, MESSAGE_EXITED, 100);
    assert_int_equal(scene.last.exited.code, 3);
    scene_end(&scene);
}

static void a_task_that_cannot_start_says_why_and_has_no_end(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    scene_start(&scene, 4, "refuse");
    scene_await(&scene, MESSAGE_STARTED, 1);
    assert_int_equal(scene.last.started.ok, 0);
    assert_string_equal(scene.last.started.text, "this is no task");
    scene_start(&scene, 4, "exit 0");
    scene_await(&scene, MESSAGE_EXITED, 1);
    assert_int_equal(scene.last.exited.task, 4);
    scene_end(&scene);
}

static void asking_ends_a_task(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    scene_start(&scene, 1, "wait");
    scene_start(&scene, 1, "wait");
    scene_await(&scene, MESSAGE_STARTED, 2);
    assert_string_equal(scene.last.started.text, "task 1 is there already");
    scene_ask(&scene, MESSAGE_KILL, 1);
    scene_await(&scene, MESSAGE_EXITED, 1);
    assert_int_equal(scene.last.exited.how, MESSAGE_KILLED);
    scene_start(&scene, 2, "wait");
    scene_send(&scene, &(struct message){.kind = MESSAGE_DRAIN, .drain = {.task = 2}}, NULL, 0);
    scene_await(&scene, MESSAGE_EXITED, 1);
    assert_int_equal(scene.last.exited.how, MESSAGE_STOPPED);
    assert_string_equal(scene.last.exited.text, "as asked");
    scene_end(&scene);
}

static void tasks_that_are_not_there_are_no_mistake(void **state)
{
    static const enum message_kind kinds[] = {MESSAGE_KILL, MESSAGE_PAUSE, MESSAGE_RESUME};
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        scene_ask(&scene, kinds[i], 99);
    }
    scene_send(&scene, &(struct message){.kind = MESSAGE_DRAIN, .drain = {.task = 99}}, NULL, 0);
    scene_send(&scene, &(struct message){.kind = MESSAGE_UPDATE, .update = {.task = 99}}, NULL, 0);
    scene_start(&scene, 1, "exit 0");
    scene_await(&scene, MESSAGE_EXITED, 1);
    assert_int_equal(scene.lines, 0);
    scene_end(&scene);
}

static void pause_resume_and_limits_reach_the_engine(void **state)
{
    struct message update = {.kind = MESSAGE_UPDATE,
                             .update = {.task = 1, .limits = {.memory_bytes = 5, .queue_ns = 6}}};
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    scene_start(&scene, 1, "wait");
    scene_ask(&scene, MESSAGE_PAUSE, 1);
    scene_ask(&scene, MESSAGE_RESUME, 1);
    scene_send(&scene, &update, NULL, 0);
    update.update.limits.cpu_weight = 10001;
    scene_send(&scene, &update, NULL, 0);
    scene_await(&scene, MESSAGE_LOG, 1);
    assert_string_equal(scene.last.log.text,
                        "a weight is at most 10,000");
    assert_int_equal(fake_seen.paused, 1);
    assert_int_equal(fake_seen.resumed, 1);
    assert_int_equal(fake_seen.memory_bytes, 5);
    assert_int_equal(fake_seen.queue_ns, 6);
    scene_end(&scene);
}

static void descriptors_reach_the_task_in_their_places(void **state)
{
    struct message start = {
        .kind = MESSAGE_START,
        .start = {.task = 1, .component = 1, .folders = 2,
                  .present = MESSAGE_STDIN | MESSAGE_STDOUT}};
    struct scene scene;
    char bytes[8] = "";
    int in[2];
    int out[2];

    (void)state;
    scene_ready(&scene);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    scene_send(&scene, &start,
         (int[]){grant_memory("echo", 2), in[0], out[1], open("/", O_PATH | O_CLOEXEC),
                 open("/", O_PATH | O_CLOEXEC)}, 5);
    assert_int_equal(write(in[1], "hello", 5), 5);
    (void)fd_close(in[1]);
    scene_await(&scene, MESSAGE_EXITED, 1);
    assert_int_equal(scene.last.exited.code, 2);
    assert_int_equal(read(out[0], bytes, sizeof(bytes)), 5);
    assert_string_equal(bytes, "hello");
    assert_int_equal(read(out[0], bytes, sizeof(bytes)), 0);
    (void)fd_close(out[0]);
    scene_end(&scene);
}

static void a_grant_that_is_garbage_is_refused(void **state)
{
    struct message start = {.kind = MESSAGE_START, .start = {.task = 1, .component = 1}};
    struct scene scene;
    int memory = fs_memory("grant", "\x07", 1);

    (void)state;
    scene_ready(&scene);
    scene_send(&scene, &start, &memory, 1);
    scene_await(&scene, MESSAGE_STARTED, 1);
    assert_string_equal(scene.last.started.text,
                        "an encoded grant: its version is short or out of bounds");
    start.start.folders = 1;
    scene_send(&scene, &start,
               (int[]){grant_memory("exit 0", 0), open("/", O_PATH | O_CLOEXEC)}, 2);
    scene_await(&scene, MESSAGE_STARTED, 1);
    assert_string_equal(scene.last.started.text, "the grant names 0 folders, and 1 came");
    scene_end(&scene);
}

static void no_end_is_lost_when_the_supervisor_does_not_read(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    /* All are queued before the loop turns; answers fill the socket long before they are read. */
    for (uint64_t task = 1; task <= 4000; task++) {
        scene_start(&scene, task, task % 2 == 0 ? "exit 1" : "now 1");
    }
    scene_await(&scene, MESSAGE_EXITED, 4000);
    assert_int_equal(fake_seen.tasks, 0);
    scene_end(&scene);
}

static void a_flood_of_lines_is_cut_and_counted(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    scene_start(&scene, 1, "talk 100000");
    scene_await(&scene, MESSAGE_EXITED, 1);
    assert_true(scene.lines > 0 && scene.lines < 100000);
    scene_end(&scene);
}

static void the_worker_is_over_when_the_supervisor_leaves(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    scene_start(&scene, 1, "wait");
    scene_start(&scene, 2, "exit 0");
    scene_await(&scene, MESSAGE_STARTED, 2);
    scene.channel = channel_free(scene.channel);
    loop_run(scene.loop);
    assert_string_equal(worker_last_words(scene.worker), "");
    scene_end(&scene);
}

/* So that no descriptor with a number of @below or more can be made. */
static void limit_descriptors(rlim_t below, struct rlimit *ret_before)
{
    struct rlimit less;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, ret_before), 0);
    less = *ret_before;
    less.rlim_cur = below;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
}

static void a_task_whose_descriptors_find_no_room_is_refused_and_others_live(void **state)
{
    struct rlimit before;
    struct scene scene;
    int free_number;

    (void)state;
    scene_ready(&scene);
    scene_start(&scene, 1, "wait");
    scene_await(&scene, MESSAGE_STARTED, 1);
    scene_start(&scene, 2, "wait"); /* on its way: our own descriptor of it is closed */
    free_number = fd_duplicate(0);
    (void)fd_close(free_number);
    limit_descriptors((rlim_t)free_number, &before);
    scene_await(&scene, MESSAGE_STARTED, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(scene.last.started.task, 2);
    assert_int_equal(scene.last.started.ok, 0);
    assert_non_null(strstr(scene.last.started.text, "no descriptors for another task"));
    scene_start(&scene, 3, "wait");
    scene_await(&scene, MESSAGE_STARTED, 1);
    assert_int_equal(scene.last.started.ok, 1);
    scene_ask(&scene, MESSAGE_KILL, 1);
    scene_await(&scene, MESSAGE_EXITED, 1);
    scene_end(&scene);
}

static void the_last_descriptors_are_not_for_tasks(void **state)
{
    struct rlimit before;
    struct scene scene;

    (void)state;
    limit_descriptors(64, &before);
    scene_ready(&scene);
    for (uint64_t task = 1; task <= 4; task++) { /* the fake keeps none; so we take them */
        scene_start(&scene, task, "wait");
        scene_await(&scene, MESSAGE_STARTED, 1);
        assert_int_equal(scene.last.started.ok, 1);
    }
    for (int taken = fd_duplicate(0); taken < 59; taken = fd_duplicate(0)) {
        assert_true(taken > 0);
    }
    scene_start(&scene, 5, "wait"); /* its grant arrives as 60, of which on none are for tasks */
    scene_await(&scene, MESSAGE_STARTED, 1);
    assert_int_equal(scene.last.started.ok, 0);
    assert_non_null(strstr(scene.last.started.text, "of 64 that a process may open, 60 are for"));
    scene_end(&scene);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_is_answered_with_the_engine_s_size_and_the_walls),
        cmocka_unit_test(what_keeps_a_worker_from_starting_is_said),
        cmocka_unit_test(nothing_comes_before_hello),
        cmocka_unit_test(components_are_loaded_or_refused_in_words),
        cmocka_unit_test(an_unloaded_component_starts_nothing),
        cmocka_unit_test(a_task_ends_with_its_code_and_its_counters_stay),
        cmocka_unit_test(an_end_before_the_start_returns_comes_after_started),
        cmocka_unit_test(a_task_that_cannot_start_says_why_and_has_no_end),
        cmocka_unit_test(asking_ends_a_task),
        cmocka_unit_test(tasks_that_are_not_there_are_no_mistake),
        cmocka_unit_test(pause_resume_and_limits_reach_the_engine),
        cmocka_unit_test(descriptors_reach_the_task_in_their_places),
        cmocka_unit_test(a_grant_that_is_garbage_is_refused),
        cmocka_unit_test(no_end_is_lost_when_the_supervisor_does_not_read),
        cmocka_unit_test(a_flood_of_lines_is_cut_and_counted),
        cmocka_unit_test(a_task_whose_descriptors_find_no_room_is_refused_and_others_live),
        cmocka_unit_test(the_last_descriptors_are_not_for_tasks),
        cmocka_unit_test(the_worker_is_over_when_the_supervisor_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
