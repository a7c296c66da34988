/* SPDX-License-Identifier: Apache-2.0 */
/* How servers end: softly, as lame ducks, at the end of the grace, by a kill. */
#include <string.h>

#include "test/unit/engine/house.h"

enum { MS = 1000000 };

static void draining_closes_the_listener_and_finishes_what_began(void **state)
{
    struct house_answer answer;
    struct house_task task;
    int connection = -1;

    (void)state;
    house_prepare_server(&task);
    house_start(&task, "server");
    connection = house_send_get(task.port, "/sleep?ms=300");
    house_await(house_has_instances, &task, "the request has its instance");
    engine_task_drain(task.task, UINT64_C(60000) * MS);
    house_receive(connection, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(house_wait(&task)->how, ENGINE_STOPPED);
    assert_string_equal(task.end.text, "");
    house_done(&task);
}

static void a_lame_duck_takes_the_last_request_of_a_connection(void **state)
{
    static const char keep_alive[] = "GET /sleep?ms=50 HTTP/1.1\r\nHost: a\r\n\r\n";
    const uint64_t open_ns = UINT64_C(2000) * MS;
    struct house_answer answer;
    struct house_task task;
    uint64_t drained = 0;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.lame_duck_ns = open_ns;
    house_start(&task, "server");
    drained = house_now_ns();
    engine_task_drain(task.task, UINT64_C(3600000) * MS);
    house_receive(house_send(task.port, keep_alive), &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.text, "connection: close"));
    assert_int_equal(house_wait(&task)->how, ENGINE_STOPPED);
    assert_string_equal(task.end.text, "");
    assert_true(house_now_ns() - drained >= open_ns);
    house_done(&task);
}

static void a_lame_duck_does_not_outlive_its_grace_or_a_kill(void **state)
{
    struct house_task tasks[2];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
        house_prepare_server(&tasks[i]);
        tasks[i].grant.limits.lame_duck_ns = UINT64_C(3600000) * MS;
        house_start(&tasks[i], "server");
    }
    engine_task_drain(tasks[0].task, UINT64_C(20) * MS);
    assert_int_equal(house_wait(&tasks[0])->how, ENGINE_STOPPED);
    engine_task_drain(tasks[1].task, UINT64_C(3600000) * MS);
    engine_task_kill(tasks[1].task);
    assert_int_equal(house_wait(&tasks[1])->how, ENGINE_KILLED);
    for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
        house_done(&tasks[i]);
    }
}

static void the_end_of_the_grace_cuts_off(void **state)
{
    struct house_answer answer;
    struct house_task task;
    int connection = -1;

    (void)state;
    house_prepare_server(&task);
    house_start(&task, "server");
    connection = house_send_get(task.port, "/spin");
    house_await(house_has_instances, &task, "the request has its instance");
    engine_task_drain(task.task, UINT64_C(3600000) * MS);
    engine_task_drain(task.task, UINT64_C(20) * MS);
    assert_int_equal(house_wait(&task)->how, ENGINE_STOPPED);
    assert_non_null(strstr(task.end.text, "cut off"));
    house_receive(connection, &answer);
    assert_int_equal(answer.status, 0);
    house_done(&task);
}

static void a_kill_ends_requests_in_flight(void **state)
{
    struct house_answer answer;
    struct house_task task;
    int connections[2];

    (void)state;
    house_prepare_server(&task);
    house_start(&task, "server");
    connections[0] = house_send_get(task.port, "/spin");
    connections[1] = house_send_get(task.port, "/sleep?ms=3600000");
    house_await(house_has_instances, &task, "a request has its instance");
    engine_task_kill(task.task);
    assert_int_equal(house_wait(&task)->how, ENGINE_KILLED);
    house_receive(connections[0], &answer);
    house_receive(connections[1], &answer);
    house_done(&task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draining_closes_the_listener_and_finishes_what_began),
        cmocka_unit_test(a_lame_duck_takes_the_last_request_of_a_connection),
        cmocka_unit_test(a_lame_duck_does_not_outlive_its_grace_or_a_kill),
        cmocka_unit_test(the_end_of_the_grace_cuts_off),
        cmocka_unit_test(a_kill_ends_requests_in_flight),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
