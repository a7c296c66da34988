/* SPDX-License-Identifier: Apache-2.0 */
/* Each limit of a server's requests and connections, over HTTP/1, and what is left after it. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/engine/house.h"

enum { MS = 1000000, MANY = 32 };

static struct house_answer answer;

static uint64_t instances_of(const struct house_task *task)
{
    return __atomic_load_n(&task->counters.instances, __ATOMIC_RELAXED);
}

static bool has_none(void *of)
{
    return instances_of(of) == 0;
}

static void heads_beyond_the_limit_get_431(void **state)
{
    static char request[16 * 1024];
    struct house_task task;
    size_t length = 0;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.head_bytes = 8192;
    house_start(&task, "server");
    length = (size_t)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    memset(request + length, 'x', 9000);
    (void)snprintf(request + length + 9000, 16, "\r\n\r\n");
    house_receive(house_send(task.port, request), &answer);
    assert_int_equal(answer.status, 431);
    length = (size_t)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 200; i++) {
        length += (size_t)snprintf(request + length, sizeof(request) - length, "X%d: y\r\n", i);
    }
    (void)snprintf(request + length, sizeof(request) - length, "\r\n");
    house_receive(house_send(task.port, request), &answer);
    assert_int_equal(answer.status, 431);
    assert_int_equal(task.counters.requests, 0);
    house_stop(&task);
}

static void a_body_without_a_length_is_cut_at_the_limit(void **state)
{
    static const char post[] = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n"
                               "6\r\nhello \r\n5\r\nthere\r\n0\r\n\r\n";
    static const char *const guests[] = {"server", "server3"};
    static const struct row {
        uint64_t limit;
        int status;
    } rows[] = {{11, 200}, {10, 413}};
    struct house_task task;

    (void)state;
    /* The one of 0.3 answers before it reads: its answer stands, and its body breaks off. */
    for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
            house_prepare_server(&task);
            task.grant.limits.body_bytes = rows[k].limit;
            house_start(&task, guests[i]);
            house_receive(house_send(task.port, post), &answer);
            if (i == 0 || rows[k].status == 200) {
                assert_int_equal(answer.status, rows[k].status);
            } else {
                assert_null(strstr(answer.body, "there"));
            }
            house_get(task.port, "/", &answer);
            assert_int_equal(answer.status, 200);
            house_stop(&task);
        }
    }
}

static void a_body_that_does_not_come_ends_with_the_request(void **state)
{
    static const char post[] = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                               "Content-Length: 11\r\n\r\nhello";
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.request_ns = UINT64_C(100) * MS;
    house_start(&task, "server");
    house_receive(house_send(task.port, post), &answer);
    assert_int_equal(answer.status, 504);
    house_await(has_none, &task, "the instance has ended");
    house_stop(&task);
}

/* Whether the peer has closed, as far as a byte that comes or does not can tell. */
static bool is_closed(int connection)
{
    char byte = 0;

    return recv(connection, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static void a_head_that_drips_is_let_go_and_makes_room(void **state)
{
    struct house_task task;
    int connections[2];
    bool closed = false;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.head_ns = UINT64_C(200) * MS;
    task.grant.limits.connection_max = ARRAY_SIZE(connections);
    house_start(&task, "server");
    for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
        connections[i] = house_send(task.port, "GET / HTTP/1.1\r\nX: ");
    }
    for (int i = 0; i < 6000 && !closed; i++) {
        closed = true;
        for (size_t k = 0; k < ARRAY_SIZE(connections); k++) {
            (void)send(connections[k], "x", 1, MSG_NOSIGNAL);
            closed = closed && is_closed(connections[k]);
        }
        (void)poll(NULL, 0, 10);
    }
    assert_true(closed);
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(task.counters.requests, 1);
    for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
        (void)close(connections[i]);
    }
    house_stop(&task);
}

static void connections_beyond_the_cap_wait_for_a_place(void **state)
{
    struct house_task task;
    int held = -1;
    int waiting = -1;
    struct pollfd one = {.events = POLLIN};

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.connection_max = 1;
    house_start(&task, "server");
    held = house_send(task.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    one.fd = held;
    assert_int_equal(poll(&one, 1, HOUSE_PATIENCE_S * 1000), 1);
    waiting = house_send_get(task.port, "/");
    one.fd = waiting;
    assert_int_equal(poll(&one, 1, 100), 0);
    assert_int_equal(task.counters.requests, 1);
    (void)close(held);
    house_receive(waiting, &answer);
    assert_int_equal(answer.status, 200);
    house_stop(&task);
}

static void a_connection_that_is_idle_is_let_go(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.head_ns = UINT64_C(50) * MS;
    house_start(&task, "server");
    house_receive(house_send(task.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &answer);
    assert_int_equal(answer.status, 200);
    house_receive(house_send(task.port, ""), &answer);
    assert_int_equal(answer.status, 0);
    house_stop(&task);
}

static void after_its_requests_a_connection_is_closed(void **state)
{
    static const char five[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
                               "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
                               "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct house_task task;
    const char *said = NULL;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.connection_requests = 3;
    house_start(&task, "server");
    house_receive(house_send(task.port, five), &answer);
    assert_int_equal(task.counters.requests, 3);
    said = strstr(answer.text, "connection: close");
    assert_non_null(said);
    assert_null(strstr(said, "HTTP/1.1")); /* it is the last one that says so */
    house_stop(&task);
}

static void a_looping_request_costs_its_neighbours_nothing(void **state)
{
    struct house_task looping;
    struct house_task beside;
    int loop = -1;

    (void)state;
    house_prepare_server(&looping);
    house_prepare_server(&beside);
    looping.grant.limits.request_ns = UINT64_C(500) * MS;
    house_start(&looping, "server");
    house_start(&beside, "server");
    loop = house_send_get(looping.port, "/spin");
    house_await(house_has_instances, &looping, "the request has its instance");
    house_get(beside.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    house_get(looping.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    house_receive(loop, &answer);
    assert_int_equal(answer.status, 504);
    house_await(has_none, &looping, "the instance has ended");
    assert_int_equal(looping.counters.errors, 1);
    assert_int_equal(beside.counters.errors, 0);
    house_get(looping.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    engine_task_drain(looping.task, 0);
    (void)house_wait(&looping);
    assert_non_null(strstr(house_read(looping.error), "skep: a request was cut off after 500ms"));
    house_done(&looping);
    house_stop(&beside);
}

static void one_budget_holds_for_many_instances(void **state)
{
    const uint64_t budget = UINT64_C(8) << 20;
    struct house_task task;
    int connections[MANY];

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.memory_bytes = budget;
    house_start(&task, "server");
    for (size_t i = 0; i < MANY; i++) {
        connections[i] = house_send_get(task.port, "/sleep?ms=50");
    }
    for (size_t i = 0; i < MANY; i++) {
        house_receive(connections[i], &answer);
        assert_int_equal(answer.status, 200);
    }
    /* More than one at a time, and never more than fit. */
    assert_true(task.counters.memory_peak > budget / 4);
    assert_true(task.counters.memory_peak <= budget);
    house_stop(&task);
}

static void a_guest_sees_that_it_is_refused_memory(void **state)
{
    struct house_task task;
    int asleep = -1;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.memory_bytes = UINT64_C(16) << 20;
    house_start(&task, "server");
    asleep = house_send_get(task.port, "/sleep?ms=500");
    house_await(house_has_instances, &task, "the request has its instance");
    house_get(task.port, "/eat?mib=64", &answer);
    assert_int_equal(answer.status, 507);
    assert_non_null(strstr(answer.body, "refused after "));
    house_receive(asleep, &answer);
    assert_int_equal(answer.status, 200);
    house_get(task.port, "/eat?mib=2", &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(task.counters.oom, 0);
    assert_int_equal(task.counters.traps, 0);
    house_stop(&task);
}

/* What is held stays; nothing new is given until it fits. */
static void a_limit_below_what_is_held_ends_nothing(void **state)
{
    struct engine_limits limits = {.memory_bytes = UINT64_C(64) << 10,
                                   .queue_ns = UINT64_C(50) * MS};
    struct engine_why why = {0};
    struct house_task task;
    int asleep = -1;

    (void)state;
    house_prepare_server(&task);
    house_start(&task, "server");
    asleep = house_send_get(task.port, "/sleep?ms=1000");
    house_await(house_has_instances, &task, "the request has its instance");
    assert_int_equal(engine_task_update(task.task, &limits, &why), 0);
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.text, "retry-after: 1"));
    house_receive(asleep, &answer);
    assert_int_equal(answer.status, 200);
    limits.memory_bytes = UINT64_C(64) << 20;
    assert_int_equal(engine_task_update(task.task, &limits, &why), 0);
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    house_stop(&task);
}

/* A client that has not begun to read an answer which is larger than what lies between. */
static int slow_client(struct house_task *task)
{
    int connection = -1;

    house_prepare_server(task);
    house_start(task, "server");
    connection = house_send_get(task->port, "/big?bytes=16777216");
    house_await(house_has_instances, task, "the request has its instance");
    return connection;
}

static void draining_waits_for_a_slow_client(void **state)
{
    struct house_task task;
    int connection = slow_client(&task);
    size_t length = 0;
    ssize_t got = 1;

    (void)state;
    engine_task_drain(task.task, UINT64_C(3600000) * MS);
    (void)poll(NULL, 0, 100);
    assert_int_equal(task.endings, 0);
    while (got > 0) {
        static char bytes[64 * 1024];

        got = recv(connection, bytes, sizeof(bytes), 0);
        length += got > 0 ? (size_t)got : 0;
    }
    assert_true(length > 16777216);
    (void)close(connection);
    assert_int_equal(house_wait(&task)->how, ENGINE_STOPPED);
    assert_string_equal(task.end.text, "");
    house_done(&task);
}

static void the_end_of_the_grace_cuts_a_slow_client_off(void **state)
{
    struct house_task task;
    int connection = slow_client(&task);

    (void)state;
    engine_task_drain(task.task, UINT64_C(100) * MS);
    assert_int_equal(house_wait(&task)->how, ENGINE_STOPPED);
    assert_non_null(strstr(task.end.text, "cut off"));
    (void)close(connection);
    house_done(&task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_beyond_the_limit_get_431),
        cmocka_unit_test(a_body_without_a_length_is_cut_at_the_limit),
        cmocka_unit_test(a_body_that_does_not_come_ends_with_the_request),
        cmocka_unit_test(a_head_that_drips_is_let_go_and_makes_room),
        cmocka_unit_test(connections_beyond_the_cap_wait_for_a_place),
        cmocka_unit_test(a_connection_that_is_idle_is_let_go),
        cmocka_unit_test(after_its_requests_a_connection_is_closed),
        cmocka_unit_test(a_looping_request_costs_its_neighbours_nothing),
        cmocka_unit_test(one_budget_holds_for_many_instances),
        cmocka_unit_test(a_guest_sees_that_it_is_refused_memory),
        cmocka_unit_test(a_limit_below_what_is_held_ends_nothing),
        cmocka_unit_test(draining_waits_for_a_slow_client),
        cmocka_unit_test(the_end_of_the_grace_cuts_a_slow_client_off),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
