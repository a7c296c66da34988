/* SPDX-License-Identifier: Apache-2.0 */
/* Containers through the wire: life, ends, signals, texts and codes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/loop.h"
#include "shim/proto/cgroup1.pb-c.h"
#include "shim/ttrpc/message.h"
#include "world.h"

#define TEXT(constant) ((char *)(uintptr_t)(constant))

static void a_life_is_created_started_exited_deleted(void **state)
{
    static const char *const want[] = {"/tasks/create ns one", "/tasks/start ns one",
                                       "/tasks/exit ns one one 7", "/tasks/delete ns one"};
    struct world *world = *state;
    struct ask early;
    struct ask late;

    create_ok(world, "one");
    assert_int_equal(state_of(world, "one", ""), TASK__STATUS__CREATED);
    wait_begin(world, &early, "one", "");
    start_ok(world, "one", "");
    assert_int_equal(state_of(world, "one", ""), TASK__STATUS__RUNNING);
    assert_false(early.done);
    fake_run_exit(fake_run_at(0), RUN_EXITED, 7, "");
    assert_int_equal(wait_status(&early), 7);
    assert_int_equal(state_of(world, "one", ""), TASK__STATUS__STOPPED);
    wait_begin(world, &late, "one", "");
    assert_int_equal(wait_status(&late), 7);
    delete_ok(world, "one", "", 7);
    expect_events(world, want, ARRAY_SIZE(want));
    assert_int_equal(pods_count(world->pods), 0);
}

static void both_versions_of_the_service_are_served(void **state)
{
    struct world *world = *state;

    world->task_service = "containerd.task.v2.Task";
    create_ok(world, "one");
    world->task_service = "containerd.task.v3.Task";
    start_ok(world, "one", "");
    world->task_service = "containerd.task.v2.Task";
    assert_int_equal(state_of(world, "one", ""), TASK__STATUS__RUNNING);
}

static void state_echoes_what_containerd_gave(void **state)
{
    struct world *world = *state;
    Task__CreateTaskRequest create = TASK__CREATE_TASK_REQUEST__INIT;
    Task__StateRequest request = TASK__STATE_REQUEST__INIT;
    AUTO(message_free) ProtobufCMessage *created = NULL;
    AUTO(message_free) ProtobufCMessage *unpacked = NULL;
    const Task__StateResponse *response = NULL;
    char bundle[128];
    char url[128];

    bundle_write(world, "one", NULL);
    (void)snprintf(bundle, sizeof(bundle), "%s/one", world->folder);
    (void)snprintf(url, sizeof(url), "file://%s/log", world->folder);
    create.id = TEXT("one");
    create.bundle = bundle;
    create.stdout = url;
    create.stderr = url;
    created = ask_ok(world, "Create", &create.base, &task__create_task_response__descriptor);
    request.id = TEXT("one");
    unpacked = ask_ok(world, "State", &request.base, &task__state_response__descriptor);
    response = (const Task__StateResponse *)(const void *)unpacked;
    assert_string_equal(response->id, "one");
    assert_string_equal(response->bundle, bundle);
    assert_string_equal(response->stdin, "");
    assert_string_equal(response->stdout, url);
    assert_string_equal(response->stderr, url);
    assert_true(response->pid > PODS_PID_ABOVE);
    assert_int_equal(response->pid,
                     ((const Task__CreateTaskResponse *)(const void *)created)->pid);
    assert_null(response->exited_at);
}

static void what_is_not_there_is_said_in_the_customary_words(void **state)
{
    struct world *world = *state;
    Task__StateRequest request = TASK__STATE_REQUEST__INIT;
    Task__DeleteRequest delete = TASK__DELETE_REQUEST__INIT;
    Task__KillRequest kill = TASK__KILL_REQUEST__INIT;

    request.id = TEXT("none");
    ask_refused(world, "State", &request.base, FAULT_NOT_FOUND, "container not created: not found");
    ask_refused(world, "Pids", &request.base, FAULT_NOT_FOUND, "container not created: not found");
    ask_refused(world, "Stats", &request.base, FAULT_NOT_FOUND, "container not created: not found");
    delete.id = TEXT("none");
    ask_refused(world, "Delete", &delete.base, FAULT_NOT_FOUND, "container not created: not found");
    create_ok(world, "one");
    request.id = TEXT("one");
    request.exec_id = TEXT("e");
    ask_refused(world, "State", &request.base, FAULT_NOT_FOUND,
                "process does not exist e: not found");
    start_ok(world, "one", "");
    delete.id = TEXT("one");
    ask_refused(world, "Delete", &delete.base, FAULT_STATE,
                "cannot delete a process that is running: failed precondition");
    fake_run_exit(fake_run_at(0), RUN_EXITED, 0, "");
    {
        struct ask ask;

        wait_begin(world, &ask, "one", "");
        assert_int_equal(wait_status(&ask), 0);
    }
    kill.id = TEXT("one");
    kill.signal = SIGKILL;
    kill.all = true;
    ask_refused(world, "Kill", &kill.base, FAULT_NOT_FOUND,
                "process already finished: not found");
}

static void an_id_that_is_taken_is_refused_and_the_first_untouched(void **state)
{
    struct world *world = *state;
    struct ask ask;

    create_ok(world, "one");
    create_begin(world, &ask, "one");
    ask_await(&ask);
    assert_true(ask.refused);
    assert_int_equal(ask.why.kind, FAULT_EXISTS);
    assert_string_equal(ask.why.text, "task one: already exists");
    assert_int_equal(state_of(world, "one", ""), TASK__STATUS__CREATED);
}

/* kind of run, annotated to wait, signal -> status of the end; 0: it lives on */
static void signals_do_what_the_table_says(void **state)
{
    static const struct {
        enum run_kind kind;
        bool wait;
        unsigned number;
        unsigned status;
    } rows[] = {
        {RUN_COMMAND, false, SIGTERM, 143}, {RUN_COMMAND, false, SIGINT, 130},
        {RUN_COMMAND, false, SIGQUIT, 131}, {RUN_COMMAND, false, SIGKILL, 137},
        {RUN_COMMAND, false, SIGHUP, 0},    {RUN_COMMAND, false, SIGWINCH, 0},
        {RUN_COMMAND, false, SIGURG, 0},    {RUN_COMMAND, false, 0, 0},
        {RUN_COMMAND, true, SIGTERM, 0},    {RUN_COMMAND, true, SIGKILL, 137},
        {RUN_SERVER, false, SIGTERM, 0},    {RUN_SERVER, false, SIGKILL, 137},
        {RUN_SERVER, false, SIGUSR1, 0},    {RUN_LIBRARY, false, SIGTERM, 143},
        {RUN_LIBRARY, false, SIGKILL, 137}, {RUN_LIBRARY, false, SIGHUP, 0},
    };
    struct world *world = *state;
    char id[16];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ask ask;
        struct ask create;

        (void)snprintf(id, sizeof(id), "c%zu", i);
        fake_plan.kind = rows[i].kind;
        bundle_write(world, id,
                     rows[i].wait ? "{\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},\"root\":{\"path\":"
                                    "\"rootfs\"},\"annotations\":{\"skep.dev/on-term\":\"wait\"}}"
                                  : NULL);
        create_begin(world, &create, id);
        ask_await(&create);
        assert_false(create.refused);
        start_ok(world, id, "");
        wait_begin(world, &ask, id, "");
        kill_ok(world, id, "", rows[i].number);
        if (rows[i].status != 0) {
            assert_int_equal(wait_status(&ask), rows[i].status);
        } else {
            assert_int_equal(state_of(world, id, ""), TASK__STATUS__RUNNING);
            assert_false(ask.done);
            kill_ok(world, id, "", SIGKILL);
            assert_int_equal(wait_status(&ask), 137);
        }
    }
}

static void a_server_that_is_asked_to_end_drains_until_it_is_killed(void **state)
{
    struct world *world = *state;
    struct ask ask;

    fake_plan.kind = RUN_SERVER;
    create_ok(world, "one");
    start_ok(world, "one", "");
    wait_begin(world, &ask, "one", "");
    kill_ok(world, "one", "", SIGTERM);
    assert_true(fake_run_grace(fake_run_at(0)) > 3600 * NS_PER_S);
    fake_run_exit(fake_run_at(0), RUN_STOPPED, 143, "");
    assert_int_equal(wait_status(&ask), 143);
}

static void a_signal_that_does_not_exist_is_refused(void **state)
{
    struct world *world = *state;
    Task__KillRequest request = TASK__KILL_REQUEST__INIT;

    create_ok(world, "one");
    request.id = TEXT("one");
    request.signal = 999;
    ask_refused(world, "Kill", &request.base, FAULT_INVALID,
                "there is no signal 999: invalid argument");
}

static void a_task_that_was_never_started_can_be_killed_and_deleted(void **state)
{
    static const char *const want[] = {"/tasks/create ns one", "/tasks/exit ns one one 137",
                                       "/tasks/delete ns one", "/tasks/create ns two",
                                       "/tasks/exit ns two two 137", "/tasks/delete ns two"};
    struct world *world = *state;
    struct ask ask;

    create_ok(world, "one");
    wait_begin(world, &ask, "one", "");
    kill_ok(world, "one", "", SIGKILL);
    assert_int_equal(wait_status(&ask), 137);
    delete_ok(world, "one", "", 137);
    create_ok(world, "two");
    delete_ok(world, "two", "", 137);
    expect_events(world, want, ARRAY_SIZE(want));
    assert_int_equal(fake_runs_left(), 0);
}

static void a_signal_during_the_start_is_not_lost(void **state)
{
    struct world *world = *state;
    Task__StartRequest request = TASK__START_REQUEST__INIT;
    struct ask start;
    struct ask ask;

    fake_plan.holds_started = true;
    create_ok(world, "one");
    wait_begin(world, &ask, "one", "");
    request.id = TEXT("one");
    ask_begin(world, &start, "Start", &request.base);
    kill_ok(world, "one", "", SIGTERM);
    assert_false(start.done);
    ask_refused(world, "Start", &request.base, FAULT_STATE,
                "cannot start a process that is starting: failed precondition");
    fake_run_started(fake_run_at(0));
    ask_await(&start);
    assert_false(start.refused);
    assert_int_equal(wait_status(&ask), 143);
}

static void a_create_that_fails_says_why_and_leaves_nothing(void **state)
{
    struct world *world = *state;
    Task__DeleteRequest request = TASK__DELETE_REQUEST__INIT;
    struct ask ask;

    fake_plan.load_fails = "the component imports acme:vault/store@1.0.0, which nobody offers";
    bundle_write(world, "one", NULL);
    create_begin(world, &ask, "one");
    ask_await(&ask);
    assert_true(ask.refused);
    assert_string_equal(
        ask.why.text,
        "the component imports acme:vault/store@1.0.0, which nobody offers: invalid argument");
    assert_int_equal(pods_count(world->pods), 0);
    assert_int_equal(fake_runs_left(), 0);
    request.id = TEXT("one");
    ask_refused(world, "Delete", &request.base, FAULT_NOT_FOUND,
                "container not created: not found");
    assert_int_equal(world->seen_count, 0);
}

static void a_bundle_that_is_broken_is_named(void **state)
{
    static const struct {
        const char *json;
        const char *part;
    } rows[] = {
        {"{", "config.json"},
        {"[]", "config.json"},
        {"{\"process\":{\"args\":\"x\"}}", "process.args"},
        {"{\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"},\"linux\":{"
         "\"namespaces\":[{\"type\":\"network\",\"path\":\"/proc/5000000/ns/net\"}]}}",
         "5000000"},
    };
    struct world *world = *state;
    struct ask ask;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bundle_write(world, "one", rows[i].json);
        create_begin(world, &ask, "one");
        ask_await(&ask);
        assert_true(ask.refused);
        assert_non_null(strstr(ask.why.text, rows[i].part));
        assert_int_equal(pods_count(world->pods), 0);
    }
    create_begin(world, &ask, "nowhere");
    ask_await(&ask);
    assert_true(ask.refused);
    fake_image.fails = "containerd does not answer";
    bundle_write(world, "one", NULL);
    create_begin(world, &ask, "one");
    ask_await(&ask);
    assert_string_equal(ask.why.text, "containerd does not answer: unavailable");
}

static bool is_prepared(void *owner)
{
    (void)owner;
    return fake_runs_made() == 1;
}

static void a_slow_create_delays_nobody_else(void **state)
{
    static struct ask slow; /* answered when the world closes */
    struct world *world = *state;

    fake_plan.holds_ready = true;
    bundle_write(world, "slow", NULL);
    create_begin(world, &slow, "slow");
    turn_until(world->loop, is_prepared, NULL, "the slow run to be made");
    fake_plan.holds_ready = false;
    create_ok(world, "quick");
    start_ok(world, "quick", "");
    assert_false(slow.done);
}

static void delete_during_create_ends_both(void **state)
{
    struct world *world = *state;
    Task__DeleteRequest request = TASK__DELETE_REQUEST__INIT;
    Task__StateRequest look = TASK__STATE_REQUEST__INIT;
    struct ask create;
    struct ask delete;

    fake_plan.holds_ready = true;
    bundle_write(world, "one", NULL);
    create_begin(world, &create, "one");
    turn_until(world->loop, is_prepared, NULL, "the run to be made");
    look.id = TEXT("one");
    ask_refused(world, "State", &look.base, FAULT_NOT_FOUND, "container not created: not found");
    request.id = TEXT("one");
    ask_begin(world, &delete, "Delete", &request.base);
    ask_await(&create);
    assert_true(create.refused);
    assert_string_equal(create.why.text, "one was deleted while it was being created: unavailable");
    ask_await(&delete);
    assert_false(delete.refused);
    assert_int_equal(pods_count(world->pods), 0);
    assert_int_equal(fake_runs_left(), 0);
    assert_int_equal(world->seen_count, 0);
}

static void a_start_that_fails_ends_the_task_with_128(void **state)
{
    struct world *world = *state;
    Task__StartRequest request = TASK__START_REQUEST__INIT;
    struct ask ask;

    fake_plan.start_fails = "the worker has no room";
    create_ok(world, "one");
    wait_begin(world, &ask, "one", "");
    request.id = TEXT("one");
    ask_refused(world, "Start", &request.base, FAULT_INVALID,
                "the worker has no room: invalid argument");
    assert_int_equal(wait_status(&ask), 128);
    delete_ok(world, "one", "", 128);
}

static void out_of_memory_is_told_before_the_exit(void **state)
{
    static const char *const want[] = {"/tasks/create ns one", "/tasks/start ns one",
                                       "/tasks/oom ns one", "/tasks/exit ns one one 137"};
    struct world *world = *state;
    struct ask ask;

    create_ok(world, "one");
    start_ok(world, "one", "");
    wait_begin(world, &ask, "one", "");
    fake_run_exit(fake_run_at(0), RUN_OOM, 137, "memory of 1 MiB is used up");
    assert_int_equal(wait_status(&ask), 137);
    /* It was there before the Wait was answered. */
    assert_true(world->seen_count >= 3);
    assert_string_equal(world->seen[2], want[2]);
    expect_events(world, want, ARRAY_SIZE(want));
}

static void out_of_memory_does_not_wait_for_containerd_for_ever(void **state)
{
    struct world *world = *state;
    struct ask ask;

    create_ok(world, "one");
    start_ok(world, "one", "");
    wait_begin(world, &ask, "one", "");
    world_stop_listening(world);
    fake_run_exit(fake_run_at(0), RUN_OOM, 137, "");
    assert_int_equal(wait_status(&ask), 137);
}

static void stats_speak_of_cgroups_also_after_the_exit(void **state)
{
    struct world *world = *state;
    Task__StatsRequest request = TASK__STATS_REQUEST__INIT;
    struct ask ask;

    fake_plan.counters =
        (struct engine_counters){.cpu_ns = 5000000, .memory_bytes = 65536, .oom = 1,
                                 .periods = 9, .throttled_periods = 4, .throttled_ns = 3000};
    create_ok(world, "one");
    start_ok(world, "one", "");
    fake_run_exit(fake_run_at(0), RUN_EXITED, 0, "");
    wait_begin(world, &ask, "one", "");
    assert_int_equal(wait_status(&ask), 0);
    request.id = TEXT("one");
    {
        AUTO(message_free) ProtobufCMessage *unpacked =
            ask_ok(world, "Stats", &request.base, &task__stats_response__descriptor);
        const Task__StatsResponse *response = (const Task__StatsResponse *)(const void *)unpacked;

        assert_non_null(response->stats);
        assert_true(strcmp(response->stats->type_url, "io.containerd.cgroups.v1.Metrics") == 0 ||
                    strcmp(response->stats->type_url, "io.containerd.cgroups.v2.Metrics") == 0);
        if (strstr(response->stats->type_url, "v1")) {
            Cgroup1__Metrics *metrics = cgroup1__metrics__unpack(
                NULL, response->stats->value.len, response->stats->value.data);

            /* And what we used for it ourselves. */
            assert_in_range(metrics->cpu->usage->total, 5000001, 999999999);
            assert_int_equal(metrics->cpu->throttling->periods, 9);
            assert_int_equal(metrics->cpu->throttling->throttled_periods, 4);
            assert_int_equal(metrics->cpu->throttling->throttled_time, 3000);
            assert_int_equal(metrics->memory->usage->usage, 65536);
            assert_int_equal(metrics->memory->usage->limit, 1048576);
            assert_int_equal(metrics->memory_oom_control->oom_kill, 1);
            cgroup1__metrics__free_unpacked(metrics, NULL);
        }
    }
}

static void an_update_reaches_the_run(void **state)
{
    struct world *world = *state;
    Task__UpdateTaskRequest request = TASK__UPDATE_TASK_REQUEST__INIT;
    Types__Any resources = TYPES__ANY__INIT;
    static const char json[] = "{\"memory\":{\"limit\":33554432}}";

    create_ok(world, "one");
    start_ok(world, "one", "");
    assert_int_equal(fake_run_memory(fake_run_at(0)), 1048576);
    request.id = TEXT("one");
    ask_refused(world, "Update", &request.base, FAULT_INVALID,
                "an update needs resources: invalid argument");
    resources.type_url = TEXT("types.containerd.io/opencontainers/runtime-spec/1/LinuxResources");
    resources.value.data = (uint8_t *)(uintptr_t)json;
    resources.value.len = sizeof(json) - 1;
    request.resources = &resources;
    (void)ask_ok(world, "Update", &request.base, NULL);
    assert_int_equal(fake_run_memory(fake_run_at(0)), 33554432);
    resources.value.len = 5;
    {
        struct ask ask;

        ask_begin(world, &ask, "Update", &request.base);
        ask_await(&ask);
        assert_true(ask.refused);
        assert_int_equal(ask.why.kind, FAULT_INVALID);
    }
}

static void a_paused_task_says_so_and_runs_again(void **state)
{
    static const char *const want[] = {"/tasks/create ns one", "/tasks/start ns one",
                                       "/tasks/paused ns one", "/tasks/resumed ns one"};
    struct world *world = *state;
    Task__PauseRequest request = TASK__PAUSE_REQUEST__INIT;

    create_ok(world, "one");
    request.id = TEXT("one");
    ask_refused(world, "Pause", &request.base, FAULT_STATE,
                "cannot pause a container that is created: failed precondition");
    start_ok(world, "one", "");
    (void)ask_ok(world, "Pause", &request.base, NULL);
    assert_true(fake_run_is_paused(fake_run_at(0)));
    assert_int_equal(state_of(world, "one", ""), TASK__STATUS__PAUSED);
    (void)ask_ok(world, "Resume", &request.base, NULL);
    assert_false(fake_run_is_paused(fake_run_at(0)));
    expect_events(world, want, ARRAY_SIZE(want));
    ask_refused(world, "Checkpoint", &request.base, FAULT_UNSUPPORTED,
                "a component cannot be checkpointed: not implemented");
}

static void connect_succeeds_for_anybody_and_pids_are_never_none(void **state)
{
    struct world *world = *state;
    Task__ConnectRequest request = TASK__CONNECT_REQUEST__INIT;
    Task__PidsRequest pids = TASK__PIDS_REQUEST__INIT;
    AUTO(message_free) ProtobufCMessage *nobody = NULL;
    AUTO(message_free) ProtobufCMessage *listed = NULL;
    struct ask ask;

    request.id = TEXT("nobody");
    nobody = ask_ok(world, "Connect", &request.base, &task__connect_response__descriptor);
    assert_int_equal(((const Task__ConnectResponse *)(const void *)nobody)->task_pid, 0);
    assert_int_equal(((const Task__ConnectResponse *)(const void *)nobody)->shim_pid, getpid());
    create_ok(world, "one");
    start_ok(world, "one", "");
    fake_run_exit(fake_run_at(0), RUN_EXITED, 0, "");
    wait_begin(world, &ask, "one", "");
    assert_int_equal(wait_status(&ask), 0);
    pids.id = TEXT("one");
    listed = ask_ok(world, "Pids", &pids.base, &task__pids_response__descriptor);
    assert_int_equal(((const Task__PidsResponse *)(const void *)listed)->n_processes, 1);
}

static void a_pause_needs_no_worker_and_gives_its_number(void **state)
{
    static const char json[] =
        "{\"process\":{\"args\":[\"/pause\"],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"},"
        "\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\"},"
        "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},"
        "{\"type\":\"network\",\"path\":\"/proc/self/ns/net\"}]}}";
    struct world *world = *state;
    char member[512];
    const struct container *pause = NULL;
    const struct container *app = NULL;
    struct ask ask;

    bundle_write(world, "pause", json);
    create_begin(world, &ask, "pause");
    ask_await(&ask);
    assert_false(ask.refused);
    start_ok(world, "pause", "");
    assert_int_equal(fake_runs_made(), 0);
    pause = pods_find(world->pods, "ns", "pause");
    (void)snprintf(member, sizeof(member),
                   "{\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"},"
                   "\"annotations\":{\"io.kubernetes.cri.sandbox-namespace\":\"team\"},"
                   "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},"
                   "{\"type\":\"network\","
                   "\"path\":\"/proc/%u/ns/net\"}]}}",
                   pause->init.pid);
    bundle_write(world, "app", member);
    create_begin(world, &ask, "app");
    ask_await(&ask);
    assert_false(ask.refused);
    app = pods_find(world->pods, "ns", "app");
    assert_string_equal(app->netns_path, "/proc/self/ns/net");
    assert_int_not_equal(app->init.pid, pause->init.pid);
    assert_string_equal(fake_run_domain(fake_run_at(0)), "namespace/ns/team");
    wait_begin(world, &ask, "pause", "");
    kill_ok(world, "pause", "", SIGKILL);
    assert_int_equal(wait_status(&ask), 137);
    delete_ok(world, "pause", "", 137);
}

static void the_write_ends_are_closed_before_the_exit_is_seen(void **state)
{
    struct world *world = *state;
    Task__CreateTaskRequest create = TASK__CREATE_TASK_REQUEST__INIT;
    struct ask ask;
    char bundle[128];
    char fifo[128];
    char byte;
    int reader;

    bundle_write(world, "one", NULL);
    (void)snprintf(bundle, sizeof(bundle), "%s/one", world->folder);
    (void)snprintf(fifo, sizeof(fifo), "%s/fifo", world->folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    create.id = TEXT("one");
    create.bundle = bundle;
    create.stdout = fifo;
    ask_begin(world, &ask, "Create", &create.base);
    ask_await(&ask);
    assert_false(ask.refused);
    start_ok(world, "one", "");
    assert_true(fake_run_stdio(fake_run_at(0))->out >= 0);
    reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(read(reader, &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    wait_begin(world, &ask, "one", "");
    fake_run_exit(fake_run_at(0), RUN_EXITED, 0, "");
    assert_int_equal(wait_status(&ask), 0);
    assert_int_equal(read(reader, &byte, 1), 0);
    (void)close(reader);
}

static void a_checkpoint_is_refused_but_not_as_unimplemented(void **state)
{
    struct world *world = *state;
    Task__CreateTaskRequest request = TASK__CREATE_TASK_REQUEST__INIT;

    request.id = TEXT("one");
    request.bundle = TEXT("/bundle");
    request.checkpoint = TEXT("/some/where");
    ask_refused(world, "Create", &request.base, FAULT_INVALID,
                "a component cannot be restored from a checkpoint: invalid argument");
}

static void hundreds_of_waits_are_answered_and_forgotten_with_their_connection(void **state)
{
    enum { WAITS = 800 };
    struct world *world = *state;
    struct ask *asks = NEW_ARRAY(WAITS, struct ask);
    const struct container *container = NULL;

    create_ok(world, "one");
    start_ok(world, "one", "");
    for (int i = 0; i < WAITS; i++) {
        wait_begin(world, &asks[i], "one", "");
    }
    assert_int_equal(state_of(world, "one", ""), TASK__STATUS__RUNNING);
    container = pods_find(world->pods, "ns", "one");
    assert_false(TAILQ_EMPTY(&container->init.waiters));
    fake_run_exit(fake_run_at(0), RUN_EXITED, 3, "");
    for (int i = 0; i < WAITS; i++) {
        assert_int_equal(wait_status(&asks[i]), 3);
    }
    free(asks);
}

static bool nobody_waits(void *owner)
{
    const struct container *container = owner;

    return TAILQ_EMPTY(&container->init.waiters);
}

static void a_connection_takes_its_waits_with_it_and_leaves_the_task(void **state)
{
    struct world *world = *state;
    struct container *container = NULL;
    struct fault why = {0};
    struct ask ask;

    create_ok(world, "one");
    start_ok(world, "one", "");
    wait_begin(world, &ask, "one", "");
    assert_int_equal(state_of(world, "one", ""), TASK__STATUS__RUNNING);
    container = pods_find(world->pods, "ns", "one");
    assert_false(nobody_waits(container));
    world->client = ttrpc_client_free(world->client);
    turn_until(world->loop, nobody_waits, container, "the waits to go");
    assert_int_equal(ttrpc_client_new(world->loop, world->task_path, &world->client, &why), 0);
    assert_int_equal(state_of(world, "one", ""), TASK__STATUS__RUNNING);
    wait_begin(world, &ask, "one", "");
    fake_run_exit(fake_run_at(0), RUN_EXITED, 0, "");
    assert_int_equal(wait_status(&ask), 0);
}

static void the_last_words_reach_stderr_and_the_termination_message(void **state)
{
    struct world *world = *state;
    Task__CreateTaskRequest create = TASK__CREATE_TASK_REQUEST__INIT;
    struct ask ask;
    char bundle[128];
    char log[128];
    char url[140];
    char json[640];
    char held[128] = "";
    FILE *file = NULL;

    (void)snprintf(log, sizeof(log), "%s/message", world->folder);
    (void)snprintf(url, sizeof(url), "file://%s/stderr", world->folder);
    file = fopen(log, "w");
    assert_non_null(file);
    (void)fclose(file);
    (void)snprintf(json, sizeof(json),
                   "{\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"},"
                   "\"mounts\":[{\"destination\":\"/dev/termination-log\",\"type\":\"bind\","
                   "\"source\":\"%s\",\"options\":[\"rbind\",\"rw\"]}]}",
                   log);
    bundle_write(world, "one", json);
    (void)snprintf(bundle, sizeof(bundle), "%s/one", world->folder);
    create.id = TEXT("one");
    create.bundle = bundle;
    create.stderr = url;
    ask_begin(world, &ask, "Create", &create.base);
    ask_await(&ask);
    assert_false(ask.refused);
    start_ok(world, "one", "");
    wait_begin(world, &ask, "one", "");
    fake_run_exit(fake_run_at(0), RUN_LOST, 255, "its worker was killed by signal 9");
    assert_int_equal(wait_status(&ask), 255);
    file = fopen(log, "r");
    assert_non_null(file);
    assert_non_null(fgets(held, sizeof(held), file));
    (void)fclose(file);
    assert_string_equal(held, "lost: its worker was killed by signal 9");
    file = fopen(url + strlen("file://"), "r");
    assert_non_null(file);
    assert_non_null(fgets(held, sizeof(held), file));
    (void)fclose(file);
    assert_string_equal(held, "skep: lost: its worker was killed by signal 9\n");
}

static void removed(void *owner, const struct service_removed *how)
{
    *(struct service_removed *)owner = *how;
}

static bool is_gone(void *owner)
{
    const struct world *world = owner;

    return pods_count(world->pods) == 0;
}

static void removal_by_force_ends_what_runs_and_knows_nothing_of_others(void **state)
{
    struct world *world = *state;
    struct service_removed how = {0};
    struct ask ask;

    service_remove(world->service, "ns", "nobody", removed, &how);
    assert_int_equal(how.status, 137);
    create_ok(world, "one");
    start_ok(world, "one", "");
    wait_begin(world, &ask, "one", "");
    how = (struct service_removed){0};
    service_remove(world->service, "other", "one", removed, &how);
    assert_int_equal(state_of(world, "one", ""), TASK__STATUS__RUNNING);
    how = (struct service_removed){0};
    service_remove(world->service, "ns", "one", removed, &how);
    assert_int_equal(wait_status(&ask), 137);
    turn_until(world->loop, is_gone, world, "the container to go");
    assert_int_equal(how.status, 137);
    assert_true(how.pid > PODS_PID_ABOVE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_life_is_created_started_exited_deleted),
        TEST(both_versions_of_the_service_are_served),
        TEST(state_echoes_what_containerd_gave),
        TEST(what_is_not_there_is_said_in_the_customary_words),
        TEST(an_id_that_is_taken_is_refused_and_the_first_untouched),
        TEST(signals_do_what_the_table_says),
        TEST(a_server_that_is_asked_to_end_drains_until_it_is_killed),
        TEST(a_signal_that_does_not_exist_is_refused),
        TEST(a_task_that_was_never_started_can_be_killed_and_deleted),
        TEST(a_signal_during_the_start_is_not_lost),
        TEST(a_create_that_fails_says_why_and_leaves_nothing),
        TEST(a_bundle_that_is_broken_is_named),
        TEST(a_slow_create_delays_nobody_else),
        TEST(delete_during_create_ends_both),
        TEST(a_start_that_fails_ends_the_task_with_128),
        TEST(out_of_memory_is_told_before_the_exit),
        TEST(out_of_memory_does_not_wait_for_containerd_for_ever),
        TEST(stats_speak_of_cgroups_also_after_the_exit),
        TEST(an_update_reaches_the_run),
        TEST(a_paused_task_says_so_and_runs_again),
        TEST(connect_succeeds_for_anybody_and_pids_are_never_none),
        TEST(a_pause_needs_no_worker_and_gives_its_number),
        TEST(the_write_ends_are_closed_before_the_exit_is_seen),
        TEST(a_checkpoint_is_refused_but_not_as_unimplemented),
        TEST(hundreds_of_waits_are_answered_and_forgotten_with_their_connection),
        TEST(a_connection_takes_its_waits_with_it_and_leaves_the_task),
        TEST(the_last_words_reach_stderr_and_the_termination_message),
        TEST(removal_by_force_ends_what_runs_and_knows_nothing_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
