/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that send without end, give up what they asked for, do not leave, or say nothing. */
#include <string.h>

#include "test/unit/engine/h2.h"
#include "test/unit/engine/house.h"

enum { MS = 1000000, FLOOD = 2000 };

static struct h2 h2;
static struct h2_block block;
static struct h2_answer answer;

static void end(struct house_task *task)
{
    h2_close(&h2);
    house_stop(task);
}

static uint64_t requests_of(const struct house_task *task)
{
    return __atomic_load_n(&task->counters.requests, __ATOMIC_RELAXED);
}

static void a_head_without_end_ends_the_connection(void **state)
{
    static const size_t lengths[] = {0, 1000, 16384};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        static uint8_t more[16384];
        struct house_task task;
        size_t at = 0;

        house_prepare_server(&task);
        house_start(&task, "server");
        h2_open(&h2, task.port);
        h2_request(&block, "GET", "/");
        (void)h2_start(&h2, &block, 0);
        block.length = 0;
        while (block.length + 16 < sizeof(more)) {
            h2_field(&block, "x", "y");
        }
        memcpy(more, block.bytes, block.length);
        for (at = 0; at < FLOOD; at++) {
            h2_send(&h2, H2_CONTINUATION, 0, 1, more, lengths[i] < block.length ? lengths[i] / 5 * 5
                                                                               : block.length);
        }
        h2_drain(&h2);
        assert_true(h2.has_left);
        assert_int_equal(h2.reason, H2_ENHANCE_YOUR_CALM);
        assert_int_equal(requests_of(&task), 0);
        end(&task);
    }
}

static void resets_in_a_row_end_the_connection(void **state)
{
    static const uint8_t reason[] = {0, 0, 0, 8};
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.request_max = 4;
    house_start(&task, "server");
    h2_open(&h2, task.port);
    for (size_t i = 0; i < FLOOD; i++) {
        h2_send(&h2, H2_RESET, 0, h2_get(&h2, "/spin"), reason, sizeof(reason));
    }
    h2_drain(&h2);
    assert_true(requests_of(&task) < FLOOD / 4);
    assert_true(__atomic_load_n(&task.counters.instances, __ATOMIC_RELAXED) <= 4);
    end(&task);
}

struct goal {
    const struct house_task *task;
    uint64_t requests;
};

static bool has_taken(void *of)
{
    const struct goal *goal = of;

    return requests_of(goal->task) >= goal->requests;
}

/* One by one, each is a request before it is given up. */
static void requests_given_up_one_by_one_end_the_connection(void **state)
{
    static const uint8_t reason[] = {0, 0, 0, 8};
    struct house_task task;
    struct goal goal = {.task = &task};

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.request_max = 2;
    task.grant.limits.stream_max = 10;
    house_start(&task, "server");
    h2_open(&h2, task.port);
    for (goal.requests = 1; goal.requests <= 11; goal.requests++) {
        uint32_t stream = h2_get(&h2, "/sleep?ms=3600000");

        house_await(has_taken, &goal, "the request came");
        h2_send(&h2, H2_RESET, 0, stream, reason, sizeof(reason));
    }
    h2_drain(&h2);
    assert_int_equal(requests_of(&task), 11);
    end(&task);
}

static void after_its_requests_a_connection_is_left(void **state)
{
    struct house_task task;
    uint32_t last = 0;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.connection_requests = 3;
    house_start(&task, "server");
    h2_open(&h2, task.port);
    for (int i = 0; i < 2; i++) {
        h2_answer(&h2, h2_get(&h2, "/"), &answer);
        assert_int_equal(answer.status, 200);
        assert_false(h2.has_left);
    }
    last = h2_get(&h2, "/sleep?ms=100");
    h2_answer(&h2, last, &answer);
    assert_int_equal(answer.status, 200);
    h2_drain(&h2);
    assert_true(h2.has_left);
    assert_int_equal(h2.reason, 0);
    end(&task);
}

/* It does not confirm that it was told to leave, and goes on. */
static void a_connection_that_does_not_leave_is_cut(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.connection_requests = 3;
    task.grant.limits.stream_max = 2;
    house_start(&task, "server");
    h2_open(&h2, task.port);
    h2.is_mute = true;
    for (int i = 0; i < 20; i++) {
        h2_answer(&h2, h2_get(&h2, "/"), &answer);
    }
    h2_drain(&h2);
    assert_true(requests_of(&task) <= 6);
    end(&task);
}

static void silent_peers_are_let_go(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare_server(&task);
    task.grant.limits.head_ns = UINT64_C(50) * MS;
    house_start(&task, "server");
    h2_open(&h2, task.port);
    h2_drain(&h2);
    assert_true(h2.has_left);
    h2_close(&h2);
    /* half a preface; half a head */
    h2.fd = house_send(task.port, "PRI * HT");
    h2_drain(&h2);
    h2_close(&h2);
    h2.fd = house_send(task.port, "PR");
    h2_drain(&h2);
    h2_close(&h2);
    h2_open(&h2, task.port);
    h2_request(&block, "GET", "/");
    (void)h2_start(&h2, &block, 0);
    h2_drain(&h2);
    assert_int_equal(requests_of(&task), 0);
    end(&task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_without_end_ends_the_connection),
        cmocka_unit_test(resets_in_a_row_end_the_connection),
        cmocka_unit_test(requests_given_up_one_by_one_end_the_connection),
        cmocka_unit_test(after_its_requests_a_connection_is_left),
        cmocka_unit_test(a_connection_that_does_not_leave_is_cut),
        cmocka_unit_test(silent_peers_are_let_go),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
