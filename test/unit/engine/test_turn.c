/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who runs when: order, weights, quotas, pauses.
 *
 * What is compared is the CPU time of tasks beside each other, never the clock on the wall; where
 * a bound is on time, it is ten times what an idle machine needs.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "test/unit/engine/house.h"

enum { MS = 1000000, CROWD = 400, LIGHT = 20, SIDE = 4, NEIGHBOURS = 50 };

static uint64_t cpu_of(const struct house_task *task)
{
    return __atomic_load_n(&task->counters.cpu_ns, __ATOMIC_RELAXED);
}

static void spin(struct house_task *task)
{
    house_start(task, "spinner");
}

static void end(struct house_task *task)
{
    engine_task_kill(task->task);
    assert_int_equal(house_wait(task)->how, ENGINE_KILLED);
    house_done(task);
}

/* A spinner without descriptors of its own. */
static void prepare(struct house_task *task)
{
    house_prepare(task, NULL);
    (void)close(task->grant.output);
    (void)close(task->grant.error);
    task->grant.output = -1;
    task->grant.error = -1;
}

struct goal {
    const struct house_task *task;
    uint64_t cpu_ns;
};

static bool has_used(void *of)
{
    const struct goal *goal = of;

    return cpu_of(goal->task) >= goal->cpu_ns;
}

/* Wait until a task has used so much more CPU time. */
static void let_use(const struct house_task *task, uint64_t ns)
{
    struct goal goal = {.task = task, .cpu_ns = cpu_of(task) + ns};

    house_await(has_used, &goal, "a spinner uses time");
}

static void light_work_gets_through_a_crowd_of_spinners(void **state)
{
    static struct house_task crowd[CROWD];
    uint64_t started = 0;

    (void)state;
    for (size_t i = 0; i < CROWD; i++) {
        prepare(&crowd[i]);
        spin(&crowd[i]);
    }
    let_use(&crowd[CROWD - 1], 1);
    started = house_now_ns();
    for (size_t i = 0; i < LIGHT; i++) {
        struct house_task task;

        prepare(&task);
        house_start(&task, "silent");
        assert_int_equal(house_wait(&task)->how, ENGINE_EXITED);
        house_done(&task);
    }
    /* In the order of arrival each would wait for a turn of all 400: 200 ms on two threads. */
    assert_true(house_now_ns() - started < UINT64_C(2000) * MS);
    for (size_t i = 0; i < CROWD; i++) {
        end(&crowd[i]);
    }
}

static uint64_t cpu_of_all(const struct house_task *tasks, size_t count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += cpu_of(&tasks[i]);
    }
    return sum;
}

static void a_light_server_answers_beside_spinners(void **state)
{
    static struct house_task crowd[NEIGHBOURS];
    static struct house_answer answer;
    struct house_task server;
    uint64_t meanwhile = 0;

    (void)state;
    house_prepare_server(&server);
    house_start(&server, "server");
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        prepare(&crowd[i]);
        spin(&crowd[i]);
        let_use(&crowd[i], UINT64_C(1) * MS);
    }
    for (size_t i = 0; i < LIGHT; i++) {
        uint64_t before = cpu_of_all(crowd, NEIGHBOURS);

        house_get(server.port, "/", &answer);
        assert_int_equal(answer.status, 200);
        meanwhile += cpu_of_all(crowd, NEIGHBOURS) - before;
    }
    /* What the others got meanwhile, however busy the machine is. Were accepting, reading,
     * the guest and writing to wait for a slice of each thread every time, it would be more. */
    assert_true(meanwhile < (uint64_t)LIGHT * 20 * MS);
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        end(&crowd[i]);
    }
    house_stop(&server);
}

static void time_is_shared_by_weight(void **state)
{
    struct house_task heavy[SIDE];
    struct house_task light[SIDE];
    uint64_t heavy_ns = 0;
    uint64_t light_ns = 0;

    (void)state;
    for (size_t i = 0; i < SIDE; i++) {
        prepare(&heavy[i]);
        heavy[i].grant.limits.cpu_weight = 900;
        spin(&heavy[i]);
        prepare(&light[i]);
        light[i].grant.limits.cpu_weight = 100;
        spin(&light[i]);
    }
    let_use(&heavy[0], UINT64_C(200) * MS);
    for (size_t i = 0; i < SIDE; i++) {
        heavy_ns += cpu_of(&heavy[i]);
        light_ns += cpu_of(&light[i]);
    }
    assert_true(heavy_ns > 5 * light_ns);
    assert_true(heavy_ns < 18 * light_ns);
    for (size_t i = 0; i < SIDE; i++) {
        end(&heavy[i]);
        end(&light[i]);
    }
}

static void a_quota_holds_a_spinner_back(void **state)
{
    struct house_task limited;
    struct house_task free_one;
    uint64_t used = 0;

    (void)state;
    prepare(&limited);
    limited.grant.limits.cpu_quota_ns = UINT64_C(2) * MS;
    limited.grant.limits.cpu_period_ns = UINT64_C(20) * MS;
    spin(&limited);
    prepare(&free_one);
    spin(&free_one);
    let_use(&free_one, UINT64_C(400) * MS);
    used = cpu_of(&limited);
    /* A tenth of a thread, give or take: the other one had at most a whole thread. */
    assert_true(used > UINT64_C(10) * MS);
    assert_true(used < UINT64_C(150) * MS);
    end(&limited);
    end(&free_one);
    /* It wanted to run in every period, and could in none for the whole of it. */
    assert_true(limited.counters.throttled_periods > 5);
    assert_true(limited.counters.throttled_periods <= limited.counters.periods);
    assert_true(limited.counters.throttled_ns > UINT64_C(100) * MS);
    assert_true(limited.counters.throttled_ns <=
                limited.counters.throttled_periods * UINT64_C(20) * MS);
    assert_int_equal(free_one.counters.periods, 0);
    assert_int_equal(free_one.counters.throttled_ns, 0);
}

static void a_quota_can_be_changed_while_it_runs(void **state)
{
    struct engine_limits limits = {.cpu_quota_ns = UINT64_C(2) * MS,
                                   .cpu_period_ns = UINT64_C(20) * MS};
    struct engine_why why = {0};
    struct house_task limited;
    struct house_task free_one;
    uint64_t used = 0;

    (void)state;
    prepare(&limited);
    prepare(&free_one);
    spin(&limited);
    spin(&free_one);
    let_use(&limited, UINT64_C(100) * MS);
    assert_int_equal(engine_task_update(limited.task, &limits, &why), 0);
    let_use(&free_one, UINT64_C(20) * MS);
    used = cpu_of(&limited);
    let_use(&free_one, UINT64_C(400) * MS);
    used = cpu_of(&limited) - used;
    /* Without it, side by side: as much as the other one. */
    assert_true(used < UINT64_C(250) * MS);
    limits.cpu_quota_ns = 0;
    assert_int_equal(engine_task_update(limited.task, &limits, &why), 0);
    let_use(&limited, UINT64_C(20) * MS);
    used = cpu_of(&free_one);
    let_use(&limited, UINT64_C(400) * MS);
    /* Side by side: with its quota the other one would have had ten times as much. */
    assert_true(cpu_of(&free_one) - used < UINT64_C(1600) * MS);
    end(&limited);
    end(&free_one);
}

static void a_pause_stops_a_guest_until_it_is_resumed(void **state)
{
    struct house_task paused;
    struct house_task other;
    uint64_t used = 0;

    (void)state;
    prepare(&paused);
    prepare(&other);
    spin(&paused);
    spin(&other);
    let_use(&paused, UINT64_C(5) * MS);
    engine_task_pause(paused.task);
    let_use(&other, UINT64_C(50) * MS);
    used = cpu_of(&paused);
    let_use(&other, UINT64_C(50) * MS);
    assert_int_equal(cpu_of(&paused), used);
    engine_task_resume(paused.task);
    let_use(&paused, UINT64_C(5) * MS);
    engine_task_pause(paused.task);
    end(&paused);
    end(&other);
}

static void a_paused_task_starts_when_it_is_resumed(void **state)
{
    struct house_task task;
    struct house_task other;

    (void)state;
    prepare(&other);
    spin(&other);
    prepare(&task);
    task.grant.limits.cpu_weight = 1;
    house_start(&task, "silent");
    engine_task_pause(task.task);
    let_use(&other, UINT64_C(20) * MS);
    engine_task_resume(task.task);
    assert_int_equal(house_wait(&task)->how, ENGINE_EXITED);
    house_done(&task);
    end(&other);
}

static uint64_t process_cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void sleeping_guests_cost_no_time(void **state)
{
    static const char *const args[] = {"hello", "sleep", "1", NULL};
    struct house_task task;
    uint64_t before = 0;

    (void)state;
    (void)house_guest("hello");
    before = process_cpu_ns();
    house_prepare(&task, args);
    house_start(&task, "hello");
    assert_int_equal(house_wait(&task)->code, 0);
    /* A tick each millisecond of that second would cost more. */
    assert_true(process_cpu_ns() - before < UINT64_C(20) * MS);
    assert_true(cpu_of(&task) < UINT64_C(20) * MS);
    house_done(&task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(light_work_gets_through_a_crowd_of_spinners),
        cmocka_unit_test(a_light_server_answers_beside_spinners),
        cmocka_unit_test(time_is_shared_by_weight),
        cmocka_unit_test(a_quota_holds_a_spinner_back),
        cmocka_unit_test(a_quota_can_be_changed_while_it_runs),
        cmocka_unit_test(a_pause_stops_a_guest_until_it_is_resumed),
        cmocka_unit_test(a_paused_task_starts_when_it_is_resumed),
        cmocka_unit_test(sleeping_guests_cost_no_time),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
