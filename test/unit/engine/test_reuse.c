/* SPDX-License-Identifier: Apache-2.0 */
/* Servers whose instances take several requests. */
#include <string.h>
#include <unistd.h>

#include "test/unit/engine/house.h"

enum { MANY_AT_ONCE = 40, MS = 1000000 };

static bool has_requests(void *of)
{
    const struct house_task *task = of;

    return __atomic_load_n(&task->counters.requests, __ATOMIC_RELAXED) > 1;
}

static bool has_five_traps(void *of)
{
    const struct house_task *task = of;

    return __atomic_load_n(&task->counters.traps, __ATOMIC_RELAXED) == 5;
}

static uint64_t instances_of(const struct house_task *task)
{
    return __atomic_load_n(&task->counters.instances, __ATOMIC_RELAXED);
}

static bool has_no_instance(void *of)
{
    return instances_of(of) == 0;
}

/* A server whose instances take @requests each. */
static void start_reusing(struct house_task *task, uint64_t requests)
{
    house_prepare_server(task);
    task->grant.limits.reuse_max = requests;
    house_start(task, "server3");
}

static void an_instance_is_used_again_where_the_grant_says_so(void **state)
{
    struct house_answer answer;
    struct house_task task;

    (void)state;
    start_reusing(&task, 1000);
    for (int i = 0; i < 20; i++) {
        house_get(task.port, "/", &answer);
        assert_int_equal(answer.status, 200);
        assert_non_null(strstr(answer.body, "Hello"));
    }
    /* One for each thread at most; without reuse there is none between requests. */
    assert_in_range(instances_of(&task), 1, 2);
    assert_int_equal(task.counters.requests, 20);
    house_stop(&task);
}

static void one_instance_answers_several_requests_at_once(void **state)
{
    struct house_answer answer;
    struct house_task task;
    int connections[MANY_AT_ONCE];
    uint64_t most = 0;

    (void)state;
    start_reusing(&task, 1000);
    for (size_t i = 0; i < MANY_AT_ONCE; i++) {
        connections[i] = house_send_get(task.port, "/sleep?ms=300");
    }
    for (size_t i = 0; i < MANY_AT_ONCE; i++) {
        house_receive(connections[i], &answer);
        assert_int_equal(answer.status, 200);
        most = instances_of(&task) > most ? instances_of(&task) : most;
    }
    /* Those that came while the first one was being made have others. */
    assert_in_range(most, 1, MANY_AT_ONCE / 2);
    house_stop(&task);
}

static void who_waits_for_processor_time_waits_for_an_instance_that_is_there(void **state)
{
    enum { AT_ONCE = 32, TIMES = 150, ROOMS = 2 };
    struct house_answer answer;
    struct house_task task;
    int connections[AT_ONCE];
    uint64_t most = 0;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.reuse_max = 1000000;
    task.grant.limits.cpu_quota_ns = UINT64_C(10) * MS;
    task.grant.limits.cpu_period_ns = UINT64_C(100) * MS;
    house_start(&task, "server3");
    for (size_t times = 0; times < TIMES; times++) {
        for (size_t i = 0; i < AT_ONCE; i++) {
            connections[i] = house_send_get(task.port, "/");
        }
        for (size_t i = 0; i < AT_ONCE; i++) {
            house_receive(connections[i], &answer);
            assert_int_equal(answer.status, 200);
        }
        most = instances_of(&task) > most ? instances_of(&task) : most;
    }
    /* No more than requests at once, on each thread. */
    assert_in_range(most, 1, ROOMS * AT_ONCE);
    house_stop(&task);
}

static void an_instance_takes_no_more_requests_than_it_may(void **state)
{
    struct house_answer answer;
    struct house_task task;

    (void)state;
    start_reusing(&task, 2);
    for (int i = 0; i < 6; i++) {
        house_get(task.port, "/", &answer);
        assert_int_equal(answer.status, 200);
    }
    /* Six are three instances of two on one thread; on two threads the last ones may stay. */
    assert_in_range(instances_of(&task), 0, 2);
    house_stop(&task);
    start_reusing(&task, 1);
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    house_await(has_no_instance, &task, "its only request is over");
    house_stop(&task);
}

static void an_instance_gets_no_older_than_it_may(void **state)
{
    struct house_answer answer;
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.reuse_max = 1000;
    task.grant.limits.reuse_ns = MS;
    house_start(&task, "server3");
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    house_await(has_no_instance, &task, "the instance is old");
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    house_stop(&task);
}

static void a_trap_costs_only_the_instance_that_is_reused(void **state)
{
    struct house_answer answer;
    struct house_task task;

    (void)state;
    start_reusing(&task, 1000);
    for (int i = 0; i < 5; i++) {
        house_get(task.port, "/", &answer);
        assert_int_equal(answer.status, 200);
        house_get(task.port, "/trap", &answer);
        assert_int_equal(answer.status, 500);
    }
    /* What trapped is gone, and a thread has one more at most. */
    assert_in_range(instances_of(&task), 0, 2);
    house_await(has_five_traps, &task, "an instance is counted after its answer");
    assert_int_equal(task.counters.errors, 5);
    house_stop(&task);
}

static void a_late_request_takes_its_instance_with_it(void **state)
{
    struct house_answer answer;
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.reuse_max = 1000;
    task.grant.limits.request_ns = UINT64_C(100) * MS;
    house_start(&task, "server3");
    house_get(task.port, "/sleep?ms=3600000", &answer);
    assert_int_equal(answer.status, 504);
    house_await(has_no_instance, &task, "the late one is gone");
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    house_stop(&task);
}

/* Its answer has begun: the time is for all of a request, not for the head of its answer. */
static void a_body_that_stops_is_cut_off(void **state)
{
    struct house_answer answer;
    struct house_task task;
    int connection = -1;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.reuse_max = 1000;
    task.grant.limits.request_ns = UINT64_C(300) * MS;
    house_start(&task, "server3");
    connection = house_send(task.port,
                            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    house_receive(connection, &answer);
    house_await(has_no_instance, &task, "the one with the late request is gone");
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    house_stop(&task);
}

static void reused_instances_end_with_their_server(void **state)
{
    struct house_answer answer;
    struct house_task task;
    int connection = -1;

    (void)state;
    start_reusing(&task, 1000);
    house_get(task.port, "/", &answer);
    connection = house_send_get(task.port, "/sleep?ms=300");
    house_await(has_requests, &task, "the request is there");
    engine_task_drain(task.task, UINT64_C(60000) * MS);
    house_receive(connection, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(house_wait(&task)->how, ENGINE_STOPPED);
    assert_string_equal(task.end.text, "");
    house_done(&task);
    start_reusing(&task, 1000);
    connection = house_send_get(task.port, "/sleep?ms=3600000");
    house_await(house_has_instances, &task, "the request has its instance");
    engine_task_kill(task.task);
    assert_int_equal(house_wait(&task)->how, ENGINE_KILLED);
    house_receive(connection, &answer);
    house_done(&task);
}

static void instances_of_wasi_0_2_cannot_be_reused(void **state)
{
    const struct engine_watcher watcher = {0};
    struct engine_why why = {0};
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.reuse_max = 2;
    assert_int_equal(engine_task_start(house_guest("server"), &task.grant, &watcher, &task.task,
                                       &why), -1);
    assert_int_equal(why.kind, ENGINE_INVALID);
    assert_non_null(strstr(why.text, "only where the component exports wasi:http/handler (0.3)"));
    task.grant.limits.reuse_max = 0;
    house_start(&task, "server");
    assert_int_equal(engine_task_update(task.task, &(struct engine_limits){.reuse_max = 2}, &why),
                     -1);
    house_stop(&task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instance_is_used_again_where_the_grant_says_so),
        cmocka_unit_test(one_instance_answers_several_requests_at_once),
        cmocka_unit_test(who_waits_for_processor_time_waits_for_an_instance_that_is_there),
        cmocka_unit_test(an_instance_takes_no_more_requests_than_it_may),
        cmocka_unit_test(an_instance_gets_no_older_than_it_may),
        cmocka_unit_test(a_trap_costs_only_the_instance_that_is_reused),
        cmocka_unit_test(a_late_request_takes_its_instance_with_it),
        cmocka_unit_test(a_body_that_stops_is_cut_off),
        cmocka_unit_test(reused_instances_end_with_their_server),
        cmocka_unit_test(instances_of_wasi_0_2_cannot_be_reused),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
