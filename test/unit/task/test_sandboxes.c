/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes of the Sandbox API through the wire: life, files, and what their pod's containers get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox_world.h"
#include "shim/ttrpc/message.h"

static void assert_status(struct world *world, const char *id, const char *state, bool has_ended)
{
    AUTO(message_free) ProtobufCMessage *message =
        by_id(world, "SandboxStatus", id, &sandbox__sandbox_status_response__descriptor);
    const Sandbox__SandboxStatusResponse *response = (const void *)message;

    assert_string_equal(response->sandbox_id, id);
    assert_string_equal(response->state, state);
    assert_true(response->pid > PODS_PID_ABOVE);
    assert_int_equal(response->exited_at != NULL, has_ended);
}

static void assert_file(struct world *world, const char *id, const char *name, const char *want)
{
    char path[160];
    char have[4096];
    FILE *file = NULL;
    size_t length;

    (void)snprintf(path, sizeof(path), "%s/%s/%s", world->folder, id, name);
    file = fopen(path, "r");
    assert_non_null(file);
    length = fread(have, 1, sizeof(have) - 1, file);
    (void)fclose(file);
    have[length] = '\0';
    assert_string_equal(have, want);
}

static void a_life_is_created_ready_stopped_gone(void **state)
{
    struct world *world = *state;
    struct pod pod;
    struct ask early;
    struct ask late;
    Sandbox__WaitSandboxResponse *waited = NULL;

    pod_fill(&pod);
    sandbox_ok(world, "one", &pod);
    assert_status(world, "one", "SANDBOX_NOTREADY", false);
    assert_true(start_sandbox(world, "one") > PODS_PID_ABOVE);
    assert_status(world, "one", "SANDBOX_READY", false);
    (void)by_id(world, "PingSandbox", "one", NULL);
    by_id_begin(world, &early, "WaitSandbox", "one");
    (void)by_id(world, "PingSandbox", "one", NULL);
    assert_false(early.done);
    (void)by_id(world, "StopSandbox", "one", NULL);
    ask_await(&early);
    waited = sandbox__wait_sandbox_response__unpack(NULL, early.length, early.payload);
    assert_non_null(waited);
    assert_int_equal(waited->exit_status, 0);
    assert_true(waited->exited_at->seconds > 0);
    sandbox__wait_sandbox_response__free_unpacked(waited, NULL);
    assert_status(world, "one", "SANDBOX_NOTREADY", true);
    by_id_begin(world, &late, "WaitSandbox", "one");
    ask_await(&late);
    assert_false(late.refused);
    (void)by_id(world, "StopSandbox", "one", NULL);
    (void)by_id(world, "ShutdownSandbox", "one", NULL);
    assert_int_equal(pods_count(world->pods), 0);
    (void)by_id(world, "ShutdownSandbox", "one", NULL);
    assert_int_equal(world->seen_count, 0);
}

static void one_that_was_never_started_can_be_stopped(void **state)
{
    struct world *world = *state;
    struct pod pod;

    pod_fill(&pod);
    sandbox_ok(world, "one", &pod);
    (void)by_id(world, "StopSandbox", "one", NULL);
    assert_status(world, "one", "SANDBOX_NOTREADY", true);
    by_id_refused(world, "StartSandbox", "one", FAULT_STATE,
                  "cannot start a sandbox that is stopped: failed precondition");
}

static void shutdown_ends_a_sandbox_that_runs_and_no_other(void **state)
{
    struct world *world = *state;
    struct pod pod;
    struct ask wait;

    pod_fill(&pod);
    sandbox_ok(world, "one", &pod);
    sandbox_ok(world, "two", &pod);
    (void)start_sandbox(world, "one");
    (void)start_sandbox(world, "two");
    by_id_begin(world, &wait, "WaitSandbox", "one");
    (void)by_id(world, "ShutdownSandbox", "one", NULL);
    assert_true(wait.done);
    by_id_refused(world, "SandboxStatus", "one", FAULT_NOT_FOUND, "sandbox one: not found");
    assert_status(world, "two", "SANDBOX_READY", false);
}

static void what_is_no_sandbox_is_not_found(void **state)
{
    static const char *const methods[] = {"StartSandbox",  "Platform",    "StopSandbox",
                                          "WaitSandbox",   "SandboxStatus", "PingSandbox",
                                          "SandboxMetrics"};
    struct world *world = *state;

    world->task_service = "containerd.task.v3.Task";
    create_ok(world, "task");
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        by_id_refused(world, methods[i], "none", FAULT_NOT_FOUND, "sandbox none: not found");
        by_id_refused(world, methods[i], "task", FAULT_NOT_FOUND, "sandbox task: not found");
    }
    (void)by_id(world, "ShutdownSandbox", "task", NULL);
    assert_non_null(pods_find(world->pods, "ns", "task"));
}

static void the_task_service_knows_it_by_its_id(void **state)
{
    struct world *world = *state;
    Task__ConnectRequest connect = TASK__CONNECT_REQUEST__INIT;
    Task__PidsRequest pids = TASK__PIDS_REQUEST__INIT;
    AUTO(message_free) ProtobufCMessage *connected = NULL;
    AUTO(message_free) ProtobufCMessage *listed = NULL;
    struct pod pod;
    uint32_t pid;

    pod_fill(&pod);
    sandbox_ok(world, "one", &pod);
    pid = start_sandbox(world, "one");
    connect.id = TEXT("one");
    pids.id = TEXT("one");
    world->task_service = "containerd.task.v2.Task";
    connected = ask_ok(world, "Connect", &connect.base, &task__connect_response__descriptor);
    assert_int_equal(((const Task__ConnectResponse *)(const void *)connected)->task_pid, pid);
    listed = ask_ok(world, "Pids", &pids.base, &task__pids_response__descriptor);
    assert_int_equal(((const Task__PidsResponse *)(const void *)listed)->n_processes, 1);
    assert_int_equal(((const Task__PidsResponse *)(const void *)listed)->processes[0]->pid, pid);
}

static void its_bundle_holds_what_a_pause_s_would(void **state)
{
    struct world *world = *state;
    struct pod pod;

    pod_fill(&pod);
    sandbox_ok(world, "one", &pod);
    assert_file(world, "one", "config.json",
                "{\"ociVersion\":\"1.1.0\",\"process\":{\"args\":[\"/pause\"],\"cwd\":\"/\"},"
                "\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"web-1\","
                "\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
                "\"io.kubernetes.cri.sandbox-id\":\"one\","
                "\"io.kubernetes.cri.sandbox-name\":\"web\","
                "\"io.kubernetes.cri.sandbox-namespace\":\"team\","
                "\"io.kubernetes.cri.sandbox-uid\":\"u-1\","
                "\"io.kubernetes.cri.sandbox-log-directory\":\"\",\"skep.dev/port\":\"81\"},"
                "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"},"
                "{\"type\":\"ipc\"},{\"type\":\"uts\"},"
                "{\"type\":\"network\",\"path\":\"/run/netns/n\"}],"
                "\"sysctl\":{\"net.ipv4.ip_unprivileged_port_start\":\"0\","
                "\"net.ipv4.ping_group_range\":\"0 2147483647\",\"net.core.somaxconn\":\"7\"}}}");
    assert_file(world, "one", "resolv.conf",
                "search a.local b.local\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"
                "options ndots:5\n");
    assert_file(world, "one", "hostname", "web-1\n");
}

static void a_pod_of_the_node_shares_its_namespaces(void **state)
{
    struct world *world = *state;
    struct pod pod;

    pod_fill(&pod);
    pod.config.metadata = NULL;
    pod.config.n_annotations = 0;
    pod.option.network = CRI__NAMESPACE_MODE__NODE;
    pod.option.pid = CRI__NAMESPACE_MODE__NODE;
    pod.option.ipc = CRI__NAMESPACE_MODE__NODE;
    pod.part.n_sysctls = 0;
    pod.netns = "";
    sandbox_ok(world, "one", &pod);
    assert_file(world, "one", "config.json",
                "{\"ociVersion\":\"1.1.0\",\"process\":{\"args\":[\"/pause\"],\"cwd\":\"/\"},"
                "\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
                "\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
                "\"io.kubernetes.cri.sandbox-id\":\"one\","
                "\"io.kubernetes.cri.sandbox-log-directory\":\"\"},"
                "\"linux\":{\"namespaces\":[{\"type\":\"mount\"}],\"sysctl\":{}}}");
}

static void what_cannot_be_a_sandbox_is_refused_in_words(void **state)
{
    struct world *world = *state;
    struct pod pod;
    char long_name[300];

    sandbox_refused(world, "x", NULL, FAULT_INVALID,
                    "sandbox x: a sandbox needs options of type " CONFIG ": invalid argument");
    pod_fill(&pod);
    pod.type = "type.googleapis.com/other.Type";
    sandbox_refused(world, "x", &pod, FAULT_INVALID,
                    "sandbox x: options of type \"type.googleapis.com/other.Type\" are not known; "
                    CONFIG " is: invalid argument");
    pod.type = "type.googleapis.com/" CONFIG;
    pod.searches[1] = TEXT("b\nnameserver 6.6.6.6");
    sandbox_refused(world, "x", &pod, FAULT_INVALID,
                    "sandbox x: dns_config.searches[1] must be a word, not \"b?nameserver "
                    "6.6.6.6\": invalid argument");
    pod_fill(&pod);
    memset(long_name, 'h', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    pod.config.hostname = long_name;
    {
        struct ask ask;

        sandbox_begin(world, &ask, "x", &pod);
        assert_true(ask.refused);
        assert_non_null(strstr(ask.why.text, "hostname must be a word of at most 253 bytes"));
    }
    pod_fill(&pod);
    pod.netns = "netns/n";
    sandbox_refused(world, "x", &pod, FAULT_INVALID,
                    "sandbox x: netns_path \"netns/n\" is no absolute path: invalid argument");
    pod.netns = "/run/netns/n";
    pod.config.hostname = TEXT("\xff");
    {
        struct ask ask;

        sandbox_begin(world, &ask, "x", &pod);
        assert_true(ask.refused);
        assert_non_null(strstr(ask.why.text, "config.json"));
    }
}

static void an_id_that_is_taken_is_refused(void **state)
{
    struct world *world = *state;
    struct pod pod;
    struct ask ask;

    pod_fill(&pod);
    sandbox_ok(world, "one", &pod);
    sandbox_begin(world, &ask, "one", &pod);
    assert_true(ask.refused);
    assert_int_equal(ask.why.kind, FAULT_EXISTS);
    assert_status(world, "one", "SANDBOX_NOTREADY", false);
}

static void the_platform_is_the_node_s(void **state)
{
    struct world *world = *state;
    AUTO(message_free) ProtobufCMessage *message = NULL;
    const Types__Platform *platform = NULL;
    struct pod pod;

    pod_fill(&pod);
    sandbox_ok(world, "one", &pod);
    message = by_id(world, "Platform", "one", &sandbox__platform_response__descriptor);
    platform = ((const Sandbox__PlatformResponse *)(const void *)message)->platform;
    assert_string_equal(platform->os, "linux");
    assert_true(platform->architecture[0] != '\0');
}

static void container_in(struct world *world, const char *id, const char *sandbox, uint32_t pid)
{
    char json[512];
    struct ask ask;

    (void)snprintf(json, sizeof(json),
                   "{\"process\":{\"args\":[\"hello\"]},\"annotations\":{"
                   "\"io.kubernetes.cri.container-type\":\"container\","
                   "\"io.kubernetes.cri.sandbox-id\":\"%s\"},"
                   "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},"
                   "{\"type\":\"network\",\"path\":\"/proc/%u/ns/net\"}]}}",
                   sandbox, pid);
    bundle_write(world, id, json);
    world->task_service = "containerd.task.v3.Task";
    create_begin(world, &ask, id);
    ask_await(&ask);
    if (ask.refused) {
        fail_msg("create of %s was refused: %s", id, ask.why.text);
    }
}

static void its_containers_get_its_network_and_its_files(void **state)
{
    struct world *world = *state;
    struct pod pod;
    char want[128];
    uint32_t pid;

    pod_fill(&pod);
    sandbox_ok(world, "one", &pod);
    pid = start_sandbox(world, "one");
    container_in(world, "c", "one", pid);
    assert_string_equal(pods_find(world->pods, "ns", "c")->netns_path, "/run/netns/n");
    (void)snprintf(want, sizeof(want), "%s/one/resolv.conf", world->folder);
    assert_string_equal(fake_run_file(fake_run_at(0), GRANT_TEXT_RESOLV_CONF), want);
    (void)snprintf(want, sizeof(want), "%s/one/hosts", world->folder);
    assert_string_equal(fake_run_file(fake_run_at(0), GRANT_TEXT_HOSTS), want);
}

static uint64_t metrics_bytes(struct world *world, const char *id)
{
    AUTO(message_free) ProtobufCMessage *message =
        by_id(world, "SandboxMetrics", id, &sandbox__sandbox_metrics_response__descriptor);
    const Types__Metric *metric = ((const Sandbox__SandboxMetricsResponse *)(const void *)message)->metrics;

    assert_string_equal(metric->id, id);
    assert_true(metric->timestamp->seconds > 0);
    assert_true(strcmp(metric->data->type_url, "io.containerd.cgroups.v1.Metrics") == 0 ||
                strcmp(metric->data->type_url, "io.containerd.cgroups.v2.Metrics") == 0);
    return metric->data->value.len;
}

static void its_metrics_are_those_of_its_containers_past_ones_too(void **state)
{
    struct world *world = *state;
    struct engine_counters counters = {0};
    struct container *sandbox = NULL;
    struct pod pod;
    uint32_t pid;

    pod_fill(&pod);
    sandbox_ok(world, "one", &pod);
    pid = start_sandbox(world, "one");
    fake_plan.counters.cpu_ns = 5000;
    fake_plan.counters.memory_bytes = 100;
    container_in(world, "a", "one", pid);
    container_in(world, "b", "one", pid);
    sandbox = pods_find(world->pods, "ns", "one");
    container_pod_counters(sandbox, &counters);
    assert_int_equal(counters.cpu_ns, 10000);
    assert_int_equal(counters.memory_bytes, 200);
    world->task_service = "containerd.task.v3.Task";
    kill_ok(world, "a", "", 9);
    delete_ok(world, "a", "", 137);
    container_pod_counters(sandbox, &counters);
    assert_int_equal(counters.cpu_ns, 10000);
    assert_int_equal(counters.memory_bytes, 100);
    assert_true(metrics_bytes(world, "one") > 0);
    (void)by_id(world, "ShutdownSandbox", "one", NULL);
    assert_null(pods_find(world->pods, "ns", "b")->sandbox);
}

/* containerd deletes none of them as a task; whoever does, no task of that name has ever been there. */
static void nobody_hears_of_it_as_a_task(void **state)
{
    static const char *const want[] = {"/tasks/create ns task"};
    struct world *world = *state;
    struct pod pod;

    pod_fill(&pod);
    sandbox_ok(world, "one", &pod);
    (void)start_sandbox(world, "one");
    (void)by_id(world, "StopSandbox", "one", NULL);
    world->task_service = "containerd.task.v3.Task";
    delete_ok(world, "one", "", 0);
    create_ok(world, "task"); /* its event comes behind all others */
    expect_events(world, want, ARRAY_SIZE(want));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)
    const struct CMUnitTest tests[] = {
        CASE(a_life_is_created_ready_stopped_gone),
        CASE(one_that_was_never_started_can_be_stopped),
        CASE(shutdown_ends_a_sandbox_that_runs_and_no_other),
        CASE(what_is_no_sandbox_is_not_found),
        CASE(the_task_service_knows_it_by_its_id),
        CASE(its_bundle_holds_what_a_pause_s_would),
        CASE(a_pod_of_the_node_shares_its_namespaces),
        CASE(what_cannot_be_a_sandbox_is_refused_in_words),
        CASE(an_id_that_is_taken_is_refused),
        CASE(the_platform_is_the_node_s),
        CASE(its_containers_get_its_network_and_its_files),
        CASE(its_metrics_are_those_of_its_containers_past_ones_too),
        CASE(nobody_hears_of_it_as_a_task),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
