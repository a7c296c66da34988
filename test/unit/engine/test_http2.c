/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 by prior knowledge: streams as requests, and how a connection ends. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/engine/h2.h"
#include "test/unit/engine/house.h"

enum { MS = 1000000 };

static struct h2 h2;
static struct h2_block block;
static struct h2_frame frame;
static struct h2_answer answer;

static void end(struct house_task *task)
{
    h2_close(&h2);
    house_stop(task);
}

static void servers_of_both_wasis_answer(void **state)
{
    static const char *const guests[] = {"server", "server3", "server-js"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
        struct house_task task;

        house_prepare_server(&task);
        house_start(&task, guests[i]);
        h2_open(&h2, task.port);
        h2_answer(&h2, h2_get(&h2, "/"), &answer);
        assert_int_equal(answer.status, 200);
        assert_true(strlen(answer.body) > 0);
        assert_int_equal(task.counters.requests, 1);
        assert_int_equal(task.counters.errors, 0);
        end(&task);
    }
}

static void http1_and_http2_share_the_port(void **state)
{
    static const char head[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct house_answer first;
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    house_start(&task, "server");
    h2_open(&h2, task.port);
    h2_answer(&h2, h2_get(&h2, "/"), &answer);
    assert_int_equal(answer.status, 200);
    h2_close(&h2);
    house_get(task.port, "/", &first);
    assert_int_equal(first.status, 200);
    /* A preface in pieces, each a packet. */
    memset(&h2, 0, sizeof(h2));
    h2.next = 1;
    h2.fd = house_send(task.port, "P");
    for (size_t i = 1; i < strlen(head); i++) {
        (void)poll(NULL, 0, 2);
        assert_int_equal(write(h2.fd, head + i, 1), 1);
    }
    h2_send(&h2, H2_SETTINGS, 0, 0, NULL, 0);
    h2_answer(&h2, h2_get(&h2, "/"), &answer);
    assert_int_equal(answer.status, 200);
    end(&task);
}

static void bodies_and_trailers_pass(void **state)
{
    static const char *const guests[] = {"server", "server3"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
        struct house_task task;
        uint32_t stream = 0;

        house_prepare_server(&task);
        house_start(&task, guests[i]);
        h2_open(&h2, task.port);
        h2_request(&block, "POST", "/echo");
        stream = h2_start(&h2, &block, H2_END_HEADERS);
        h2_send(&h2, H2_DATA, 0, stream, "hello ", 6);
        h2_send(&h2, H2_DATA, H2_END_STREAM, stream, "there", 5);
        h2_answer(&h2, stream, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "hello there");
        assert_false(answer.has_trailers);
        h2_answer(&h2, h2_get(&h2, "/trailers"), &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "trailers follow\n");
        assert_true(answer.has_trailers);
        end(&task);
    }
}

static void what_a_peer_may_hold_is_told(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.stream_max = 7;
    task.grant.limits.head_bytes = 9000;
    house_start(&task, "server");
    h2_open(&h2, task.port);
    h2_answer(&h2, h2_get(&h2, "/"), &answer);
    assert_int_equal(h2.settings[H2_MAX_STREAMS], 7);
    assert_int_equal(h2.settings[H2_MAX_HEADERS], 9000);
    assert_int_equal(h2.settings[H2_INITIAL_WINDOW], 64 << 10);
    end(&task);
}

static void streams_beyond_the_bound_are_refused(void **state)
{
    struct house_task task;
    uint32_t streams[3];

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.stream_max = 2;
    house_start(&task, "server");
    h2_open(&h2, task.port);
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        streams[i] = h2_get(&h2, "/sleep?ms=300");
    }
    h2_answer(&h2, streams[2], &answer);
    assert_true(answer.is_reset);
    assert_int_equal(answer.reason, H2_REFUSED_STREAM);
    h2_answer(&h2, h2_get(&h2, "/"), &answer); /* still two open */
    assert_true(answer.is_reset);
    h2_answer(&h2, streams[1], &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(task.counters.requests, 2);
    end(&task);
}

static void streams_are_requests_at_the_cap(void **state)
{
    struct house_task task;
    int served = 0;
    int busy = 0;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.request_max = 1;
    task.grant.limits.queue_max = 1;
    house_start(&task, "server");
    h2_open(&h2, task.port);
    for (size_t i = 0; i < 3; i++) {
        (void)h2_get(&h2, "/sleep?ms=300");
    }
    while (served + busy < 3 && h2_next(&h2, &frame)) {
        int status = frame.type == H2_HEADERS ? h2_status(&frame) : 0;

        served += status == 200;
        busy += status == 503;
    }
    assert_int_equal(served, 2);
    assert_int_equal(busy, 1);
    end(&task);
}

static void a_looping_request_ends_with_504_and_its_neighbours_go_on(void **state)
{
    struct house_task task;
    uint32_t loop = 0;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.request_ns = UINT64_C(500) * MS;
    house_start(&task, "server");
    h2_open(&h2, task.port);
    loop = h2_get(&h2, "/spin");
    h2_answer(&h2, h2_get(&h2, "/"), &answer);
    assert_int_equal(answer.status, 200);
    h2_answer(&h2, loop, &answer);
    assert_int_equal(answer.status, 504);
    h2_answer(&h2, h2_get(&h2, "/"), &answer);
    assert_int_equal(answer.status, 200);
    end(&task);
}

static void bodies_beyond_the_limit_are_refused(void **state)
{
    struct house_task task;
    uint32_t stream = 0;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.body_bytes = 10;
    house_start(&task, "server");
    h2_open(&h2, task.port);
    h2_request(&block, "POST", "/echo");
    h2_field(&block, "content-length", "11");
    h2_answer(&h2, h2_start(&h2, &block, H2_END_HEADERS), &answer);
    assert_int_equal(answer.status, 413);
    h2_request(&block, "POST", "/echo");
    stream = h2_start(&h2, &block, H2_END_HEADERS);
    h2_send(&h2, H2_DATA, 0, stream, "hello ", 6);
    h2_send(&h2, H2_DATA, 0, stream, "there", 5);
    h2_answer(&h2, stream, &answer);
    assert_int_equal(answer.status, 413);
    end(&task);
}

static void heads_beyond_the_limit_get_431(void **state)
{
    char value[7801];
    struct house_task task;

    (void)state;
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    house_prepare_server(&task);
    task.grant.limits.head_bytes = 8192;
    house_start(&task, "server");
    h2_open(&h2, task.port);
    h2_request(&block, "GET", "/");
    h2_field(&block, "x", value);
    h2_answer(&h2, h2_start(&h2, &block, H2_END_STREAM | H2_END_HEADERS), &answer);
    assert_int_equal(answer.status, 200);
    h2_field(&block, "y", value);
    h2_answer(&h2, h2_start(&h2, &block, H2_END_STREAM | H2_END_HEADERS), &answer);
    assert_int_equal(answer.status, 431);
    assert_int_equal(task.counters.requests, 1);
    end(&task);
}

static void a_lame_duck_takes_a_request_and_says_goodbye(void **state)
{
    struct house_task task;
    uint32_t stream = 0;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.lame_duck_ns = UINT64_C(2000) * MS;
    house_start(&task, "server");
    engine_task_drain(task.task, UINT64_C(3600000) * MS);
    h2_open(&h2, task.port);
    stream = h2_get(&h2, "/sleep?ms=50");
    h2_answer(&h2, stream, &answer);
    assert_int_equal(answer.status, 200);
    h2_drain(&h2);
    assert_true(h2.has_left);
    assert_int_equal(h2.reason, 0);
    h2_close(&h2);
    assert_int_equal(house_wait(&task)->how, ENGINE_STOPPED);
    assert_string_equal(task.end.text, "");
    house_done(&task);
}

static void draining_says_goodbye_and_finishes_what_began(void **state)
{
    struct house_task task;
    uint32_t stream = 0;

    (void)state;
    for (int mute = 0; mute <= 1; mute++) {
        house_prepare_server(&task);
        house_start(&task, "server");
        h2_open(&h2, task.port);
        h2.is_mute = mute != 0;
        stream = h2_get(&h2, "/sleep?ms=300");
        house_await(house_has_instances, &task, "the request has its instance");
        engine_task_drain(task.task, UINT64_C(3600000) * MS);
        h2_answer(&h2, stream, &answer);
        assert_int_equal(answer.status, 200);
        assert_true(h2.has_left);
        assert_int_equal(h2.reason, 0);
        h2_drain(&h2);
        assert_int_equal(house_wait(&task)->how, ENGINE_STOPPED);
        assert_string_equal(task.end.text, "");
        h2_close(&h2);
        house_done(&task);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_of_both_wasis_answer),
        cmocka_unit_test(http1_and_http2_share_the_port),
        cmocka_unit_test(bodies_and_trailers_pass),
        cmocka_unit_test(what_a_peer_may_hold_is_told),
        cmocka_unit_test(streams_beyond_the_bound_are_refused),
        cmocka_unit_test(streams_are_requests_at_the_cap),
        cmocka_unit_test(a_looping_request_ends_with_504_and_its_neighbours_go_on),
        cmocka_unit_test(bodies_beyond_the_limit_are_refused),
        cmocka_unit_test(heads_beyond_the_limit_get_431),
        cmocka_unit_test(a_lame_duck_takes_a_request_and_says_goodbye),
        cmocka_unit_test(draining_says_goodbye_and_finishes_what_began),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
