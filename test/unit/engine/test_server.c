/* SPDX-License-Identifier: Apache-2.0 */
/* Servers: answers and refusals. */
#include <string.h>
#include <unistd.h>

#include "test/unit/engine/house.h"

enum { MANY = 1000, MS = 1000000 };

static void servers_of_both_wasis_answer(void **state)
{
    static const char *const guests[] = {"server", "server3", "server-js"};
    struct house_answer answer;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
        struct house_task task;

        house_prepare_server(&task);
        house_start(&task, guests[i]);
        house_get(task.port, "/", &answer);
        assert_int_equal(answer.status, 200);
        assert_true(strlen(answer.body) > 0);
        assert_int_equal(task.counters.requests, 1);
        assert_int_equal(task.counters.errors, 0);
        house_stop(&task);
    }
}

static void each_request_has_an_instance_of_its_own(void **state)
{
    struct house_answer answer;
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    house_start(&task, "server");
    for (int i = 0; i < 3; i++) {
        house_get(task.port, "/count", &answer);
        assert_int_equal(answer.status, 200);
        assert_non_null(strstr(answer.body, "1"));
        assert_null(strstr(answer.body, "2\n"));
    }
    house_stop(&task);
}

static void a_connection_carries_several_requests(void **state)
{
    static const char two[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                              "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct house_answer answer;
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    house_start(&task, "server");
    house_receive(house_send(task.port, two), &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "HTTP/1.1 200"));
    assert_int_equal(task.counters.requests, 2);
    house_stop(&task);
}

static void bodies_go_in_and_out(void **state)
{
    static const char post[] = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                               "Content-Length: 11\r\n\r\nhello there";
    static const char *const guests[] = {"server", "server3"};
    struct house_answer answer;
    struct house_task task;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
        house_prepare_server(&task);
        house_start(&task, guests[i]);
        house_receive(house_send(task.port, post), &answer);
        assert_int_equal(answer.status, 200);
        assert_non_null(strstr(answer.body, "hello there"));
        house_stop(&task);
    }
}

static void a_body_beyond_the_limit_is_refused(void **state)
{
    static const char post[] = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                               "Content-Length: 11\r\n\r\nhello there";
    struct house_answer answer;
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.body_bytes = 10;
    house_start(&task, "server");
    house_receive(house_send(task.port, post), &answer);
    assert_int_equal(answer.status, 413);
    assert_int_equal(task.counters.errors, 1);
    house_stop(&task);
}

static void a_trap_is_a_500_and_a_line_and_the_server_goes_on(void **state)
{
    static const char *const guests[] = {"server", "server3"};
    struct house_answer answer;
    struct house_task task;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
        house_prepare_server(&task);
        house_start(&task, guests[i]);
        house_get(task.port, "/trap", &answer);
        assert_int_equal(answer.status, 500);
        house_get(task.port, "/", &answer);
        assert_int_equal(answer.status, 200);
        assert_int_equal(task.counters.traps, 1);
        engine_task_drain(task.task, 0);
        assert_int_equal(house_wait(&task)->how, ENGINE_STOPPED);
        assert_non_null(strstr(house_read(task.error), "skep: a request failed: the component "
                                                       "trapped: wasm `unreachable`"));
        house_done(&task);
    }
}

static void a_request_that_takes_too_long_is_cut_off(void **state)
{
    static const char *const paths[] = {"/spin", "/sleep?ms=3600000"};
    struct house_answer answer;
    struct house_task task;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        house_prepare_server(&task);
        task.grant.limits.request_ns = UINT64_C(100) * MS;
        house_start(&task, "server");
        house_get(task.port, paths[i], &answer);
        assert_int_equal(answer.status, 504);
        house_stop(&task);
    }
}

static void too_many_requests_wait_and_more_are_turned_away(void **state)
{
    struct house_answer answer;
    struct house_task task;
    int connections[3];
    int served = 0;
    int busy = 0;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.request_max = 1;
    task.grant.limits.queue_max = 1;
    house_start(&task, "server");
    for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
        connections[i] = house_send_get(task.port, "/sleep?ms=300");
    }
    for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
        house_receive(connections[i], &answer);
        served += answer.status == 200;
        if (answer.status == 503) {
            busy++;
            assert_non_null(strstr(answer.text, "retry-after: 1"));
        }
    }
    assert_int_equal(served, 2);
    assert_int_equal(busy, 1);
    house_stop(&task);
}

static void requests_wait_for_memory(void **state)
{
    struct house_answer answer;
    struct house_task task;
    int connections[4];

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.memory_bytes = UINT64_C(2) << 20; /* one instance, not two */
    house_start(&task, "server");
    for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
        connections[i] = house_send_get(task.port, "/sleep?ms=50");
    }
    for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
        house_receive(connections[i], &answer);
        assert_int_equal(answer.status, 200);
    }
    assert_true(task.counters.memory_peak <= UINT64_C(2) << 20);
    house_stop(&task);
}

static void without_memory_for_one_instance_it_is_busy(void **state)
{
    struct house_answer answer;
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.memory_bytes = UINT64_C(64) << 10;
    house_start(&task, "server");
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 503);
    engine_task_drain(task.task, 0);
    (void)house_wait(&task);
    assert_non_null(strstr(house_read(task.error), "the memory limit of 65536 bytes"));
    house_done(&task);
}

static void limits_can_be_changed_while_it_runs(void **state)
{
    struct engine_limits more = {.memory_bytes = UINT64_C(64) << 20};
    struct engine_why why = {0};
    struct house_answer answer;
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.memory_bytes = UINT64_C(64) << 10;
    house_start(&task, "server");
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 503);
    assert_int_equal(engine_task_update(task.task, &more, &why), 0);
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    more.cpu_weight = 1000000;
    assert_int_equal(engine_task_update(task.task, &more, &why), -1);
    assert_int_equal(why.kind, ENGINE_INVALID);
    house_stop(&task);
}

static void a_peer_that_says_nothing_is_let_go(void **state)
{
    struct house_answer answer;
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.head_ns = UINT64_C(50) * MS;
    house_start(&task, "server");
    house_receive(house_send(task.port, "GET / HTTP/1.1\r\n"), &answer);
    assert_int_equal(task.counters.requests, 0);
    house_stop(&task);
}

static void nonsense_is_answered_with_400(void **state)
{
    static const char *const requests[] = {
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    };
    struct house_answer answer;
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.head_ns = UINT64_C(1000) * MS;
    house_start(&task, "server");
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        house_receive(house_send(task.port, requests[i]), &answer);
        assert_int_equal(answer.status, 400);
    }
    house_stop(&task);
}

static void a_thousand_servers_listen_and_each_answers(void **state)
{
    static struct house_task tasks[MANY];
    struct house_answer answer;

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        house_prepare_server(&tasks[i]);
        /* Logs of a thousand would need three thousand descriptors of a test. */
        (void)close(tasks[i].grant.output);
        (void)close(tasks[i].grant.error);
        tasks[i].grant.output = -1;
        tasks[i].grant.error = -1;
        house_start(&tasks[i], "server");
    }
    for (size_t i = 0; i < MANY; i++) {
        house_get(tasks[i].port, "/", &answer);
        assert_int_equal(answer.status, 200);
    }
    for (size_t i = 0; i < MANY; i++) {
        engine_task_drain(tasks[i].task, 0);
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(tasks[i].counters.requests, 1);
        assert_int_equal(house_wait(&tasks[i])->how, ENGINE_STOPPED);
        house_done(&tasks[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_of_both_wasis_answer),
        cmocka_unit_test(each_request_has_an_instance_of_its_own),
        cmocka_unit_test(a_connection_carries_several_requests),
        cmocka_unit_test(bodies_go_in_and_out),
        cmocka_unit_test(a_body_beyond_the_limit_is_refused),
        cmocka_unit_test(a_trap_is_a_500_and_a_line_and_the_server_goes_on),
        cmocka_unit_test(a_request_that_takes_too_long_is_cut_off),
        cmocka_unit_test(too_many_requests_wait_and_more_are_turned_away),
        cmocka_unit_test(requests_wait_for_memory),
        cmocka_unit_test(without_memory_for_one_instance_it_is_busy),
        cmocka_unit_test(limits_can_be_changed_while_it_runs),
        cmocka_unit_test(a_peer_that_says_nothing_is_let_go),
        cmocka_unit_test(nonsense_is_answered_with_400),
        cmocka_unit_test(a_thousand_servers_listen_and_each_answers),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
