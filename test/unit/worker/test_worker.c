/* SPDX-License-Identifier: Apache-2.0 */
/* A worker over an engine of ours; the test plays the supervisor on the same loop. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/loop.h"
#include "runtime/wire/channel.h"
#include "runtime/worker/worker.h"
#include "test/unit/worker/fake_engine.h"

struct scene {
    struct loop *loop;
    struct worker *worker;
    struct channel *channel;
    struct stats_page *page;
    struct message last; /* of the kind that is waited for */
    enum message_kind wanted;
    size_t count; /* how many more of them */
    size_t lines;
    bool started[4096]; /* by task */
    bool in_order;      /* no EXITED before its STARTED */
    bool ended;
};

static void on_message(void *owner, const struct message *message, int *fds, size_t count)
{
    struct scene *scene = (struct scene *)owner;

    (void)fds;
    (void)count;
    scene->lines += message->kind == MESSAGE_LOG ? 1 : 0;
    if (message->kind == MESSAGE_STARTED) {
        scene->started[message->started.task % 4096] = true;
    }
    if (message->kind == MESSAGE_EXITED && !scene->started[message->exited.task % 4096]) {
        scene->in_order = false;
    }
    if (message->kind == scene->wanted && scene->count > 0) {
        scene->last = *message;
        if (--scene->count == 0) {
            loop_stop(scene->loop);
        }
    }
}

static void on_end(void *owner, const struct fault *failed)
{
    struct scene *scene = (struct scene *)owner;

    assert_null(failed);
    scene->ended = true;
    loop_stop(scene->loop);
}

static void on_deadline(void *owner)
{
    (void)owner;
    fail_msg("nothing happened within 30 seconds");
}

/* Serves until @count messages of a kind have come; the last is in scene->last. */
static void await(struct scene *scene, enum message_kind kind, size_t count)
{
    struct loop_timer *deadline = loop_timer_new(scene->loop, on_deadline, NULL);

    scene->wanted = kind;
    scene->count = count;
    loop_timer_set(deadline, 30 * NS_PER_S);
    while (scene->count > 0) { /* the worker, on the same loop, may stop it before us */
        loop_run(scene->loop);
    }
    (void)loop_timer_free(deadline);
}

static int doors(void *owner, struct message_ready *ready, struct fault *why)
{
    (void)owner;
    (void)why;
    message_set_text(ready->walls, sizeof(ready->walls), "none in tests");
    return 0;
}

static void send(struct scene *scene, const struct message *message, const int *fds, size_t count)
{
    struct fault why = {0};

    if (channel_send(scene->channel, message, fds, count, &why) < 0) {
        fail_msg("%s", why.text);
    }
}

static void scene_begin(struct scene *scene)
{
    static const struct channel_events events = {on_message, on_end};
    struct worker_plan plan = {.ready = doors};
    struct fault why = {0};
    int pair[2];

    *scene = (struct scene){.in_order = true};
    memset(&fake_seen, 0, sizeof(fake_seen));
    assert_int_equal(loop_new(&scene->loop, &why), 0);
    assert_int_equal(stats_page_new(&scene->page, &why), 0);
    assert_int_equal(fd_pair(pair), 0);
    assert_int_equal(channel_new(scene->loop, pair[0], MESSAGE_UP, &events, scene,
                                 &scene->channel, &why), 0);
    plan.loop = scene->loop;
    plan.socket = pair[1];
    assert_int_equal(worker_new(&plan, &scene->worker, &why), 0);
}

static void send_hello(struct scene *scene, uint32_t version, uint32_t instances)
{
    struct message hello = {.kind = MESSAGE_HELLO,
                            .hello = {.version = version, .instances = instances}};
    int memory = fd_duplicate(stats_page_memory(scene->page));

    send(scene, &hello, &memory, 1);
}

static void send_load(struct scene *scene, uint64_t component, const char *bytes)
{
    struct message load = {.kind = MESSAGE_LOAD, .load = {.component = component}};
    int memory = fs_memory("component", bytes, strlen(bytes));

    send(scene, &load, &memory, 1);
}

/* A scene in which the engine runs and component 1 is a command. */
static void scene_ready(struct scene *scene)
{
    scene_begin(scene);
    send_hello(scene, MESSAGE_VERSION, 0);
    await(scene, MESSAGE_READY, 1);
    send_load(scene, 1, "command");
    await(scene, MESSAGE_LOADED, 1);
    assert_int_equal(scene->last.loaded.ok, 1);
}

static void scene_end(struct scene *scene)
{
    (void)channel_free(scene->channel);
    (void)worker_free(scene->worker);
    (void)stats_page_free(scene->page);
    (void)loop_free(scene->loop);
    assert_int_equal(fake_seen.tasks, 0);
    assert_int_equal(fake_seen.components, 0);
    assert_true(scene->in_order);
}

static int grant_memory(const char *behaviour, size_t folders)
{
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct grant_folder shown[GRANT_FOLDERS_MAX] = {0};
    char guest[] = "/data";
    char argument[64];
    char *args[] = {argument};
    struct grant grant = {.args = args,
                          .args_count = 1,
                          .folders = shown,
                          .folders_count = folders,
                          .limits = {.memory_bytes = 77, .queue_ns = 88}};
    struct fault why = {0};

    (void)snprintf(argument, sizeof(argument), "%s", behaviour);
    for (size_t i = 0; i < folders; i++) {
        shown[i].guest = guest;
    }
    assert_int_equal(grant_encode(&grant, &bytes, &why), 0);
    return fs_memory("grant", bytes.data, bytes.length);
}

static void send_start(struct scene *scene, uint64_t task, const char *behaviour)
{
    struct message start = {.kind = MESSAGE_START,
                            .start = {.task = task, .component = 1, .slot = 5}};
    int memory = grant_memory(behaviour, 0);

    send(scene, &start, &memory, 1);
}

static void send_about(struct scene *scene, enum message_kind kind, uint64_t task)
{
    struct message message = {.kind = kind, .kill = {.task = task}};

    send(scene, &message, NULL, 0);
}

static void hello_is_answered_with_the_engine_s_size_and_the_walls(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene);
    send_hello(&scene, MESSAGE_VERSION, 0);
    await(&scene, MESSAGE_READY, 1);
    assert_int_equal(scene.last.ready.instances, 16000);
    assert_string_equal(scene.last.ready.walls, "none in tests");
    scene_end(&scene);
}

static void what_keeps_a_worker_from_starting_is_said(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene);
    send_hello(&scene, MESSAGE_VERSION, 13);
    await(&scene, MESSAGE_LOG, 1);
    assert_string_equal(scene.last.log.text, "start the engine: no room for an engine");
    assert_int_equal(scene.last.log.level, 3);
    assert_string_equal(worker_last_words(scene.worker), scene.last.log.text);
    scene_end(&scene);
    scene_begin(&scene);
    send_hello(&scene, MESSAGE_VERSION + 1, 0);
    await(&scene, MESSAGE_LOG, 1);
    assert_string_equal(scene.last.log.text, "HELLO comes once, in version 1, not 2");
    scene_end(&scene);
}

static void nothing_comes_before_hello(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene);
    send_about(&scene, MESSAGE_KILL, 1);
    await(&scene, MESSAGE_LOG, 1);
    assert_string_equal(scene.last.log.text, "KILL came before HELLO");
    scene_end(&scene);
}

static void components_are_loaded_or_refused_in_words(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    send_load(&scene, 2, "library");
    await(&scene, MESSAGE_LOADED, 1);
    assert_int_equal(scene.last.loaded.component, 2);
    assert_int_equal(scene.last.loaded.kind, MESSAGE_LIBRARY);
    send_load(&scene, 3, "garbage");
    await(&scene, MESSAGE_LOADED, 1);
    assert_int_equal(scene.last.loaded.ok, 0);
    assert_string_equal(scene.last.loaded.text, "not precompiled by our compiler");
    send_load(&scene, 2, "command");
    await(&scene, MESSAGE_LOADED, 1);
    assert_string_equal(scene.last.loaded.text, "it is loaded already");
    scene_end(&scene);
}

static void an_unloaded_component_starts_nothing(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    send(&scene, &(struct message){.kind = MESSAGE_UNLOAD, .unload = {.component = 1}}, NULL, 0);
    send_start(&scene, 1, "exit 0");
    await(&scene, MESSAGE_STARTED, 1);
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
    send_start(&scene, 9, "exit 7");
    await(&scene, MESSAGE_EXITED, 1);
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
        send_start(&scene, task, "now 3");
    }
    await(&scene, MESSAGE_EXITED, 100);
    assert_int_equal(scene.last.exited.code, 3);
    scene_end(&scene);
}

static void a_task_that_cannot_start_says_why_and_has_no_end(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    send_start(&scene, 4, "refuse");
    await(&scene, MESSAGE_STARTED, 1);
    assert_int_equal(scene.last.started.ok, 0);
    assert_string_equal(scene.last.started.text, "this is no task");
    send_start(&scene, 4, "exit 0");
    await(&scene, MESSAGE_EXITED, 1);
    assert_int_equal(scene.last.exited.task, 4);
    scene_end(&scene);
}

static void asking_ends_a_task(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    send_start(&scene, 1, "wait");
    send_start(&scene, 1, "wait");
    await(&scene, MESSAGE_STARTED, 2);
    assert_string_equal(scene.last.started.text, "task 1 is there already");
    send_about(&scene, MESSAGE_KILL, 1);
    await(&scene, MESSAGE_EXITED, 1);
    assert_int_equal(scene.last.exited.how, MESSAGE_KILLED);
    send_start(&scene, 2, "wait");
    send(&scene, &(struct message){.kind = MESSAGE_DRAIN, .drain = {.task = 2}}, NULL, 0);
    await(&scene, MESSAGE_EXITED, 1);
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
        send_about(&scene, kinds[i], 99);
    }
    send(&scene, &(struct message){.kind = MESSAGE_DRAIN, .drain = {.task = 99}}, NULL, 0);
    send(&scene, &(struct message){.kind = MESSAGE_UPDATE, .update = {.task = 99}}, NULL, 0);
    send_start(&scene, 1, "exit 0");
    await(&scene, MESSAGE_EXITED, 1);
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
    send_start(&scene, 1, "wait");
    send_about(&scene, MESSAGE_PAUSE, 1);
    send_about(&scene, MESSAGE_RESUME, 1);
    send(&scene, &update, NULL, 0);
    update.update.limits.cpu_weight = 10001;
    send(&scene, &update, NULL, 0);
    await(&scene, MESSAGE_LOG, 1);
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
    send(&scene, &start,
         (int[]){grant_memory("echo", 2), in[0], out[1], open("/", O_PATH | O_CLOEXEC),
                 open("/", O_PATH | O_CLOEXEC)}, 5);
    assert_int_equal(write(in[1], "hello", 5), 5);
    (void)fd_close(in[1]);
    await(&scene, MESSAGE_EXITED, 1);
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
    send(&scene, &start, &memory, 1);
    await(&scene, MESSAGE_STARTED, 1);
    assert_string_equal(scene.last.started.text,
                        "an encoded grant: its version is short or out of bounds");
    start.start.folders = 1;
    send(&scene, &start, (int[]){grant_memory("exit 0", 0), open("/", O_PATH | O_CLOEXEC)}, 2);
    await(&scene, MESSAGE_STARTED, 1);
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
        send_start(&scene, task, task % 2 == 0 ? "exit 1" : "now 1");
    }
    await(&scene, MESSAGE_EXITED, 4000);
    assert_int_equal(fake_seen.tasks, 0);
    scene_end(&scene);
}

static void a_flood_of_lines_is_cut_and_counted(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    send_start(&scene, 1, "talk 100000");
    await(&scene, MESSAGE_EXITED, 1);
    assert_true(scene.lines > 0 && scene.lines < 100000);
    scene_end(&scene);
}

static void the_worker_is_over_when_the_supervisor_leaves(void **state)
{
    struct scene scene;

    (void)state;
    scene_ready(&scene);
    send_start(&scene, 1, "wait");
    send_start(&scene, 2, "exit 0");
    await(&scene, MESSAGE_STARTED, 2);
    scene.channel = channel_free(scene.channel);
    loop_run(scene.loop);
    assert_string_equal(worker_last_words(scene.worker), "");
    scene_end(&scene);
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
        cmocka_unit_test(the_worker_is_over_when_the_supervisor_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
