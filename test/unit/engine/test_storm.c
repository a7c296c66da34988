/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads start, pause, change and end tasks at the same moments: every task ends exactly
 * once, and nothing of it is left.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/unit/engine/house.h"

enum { THREADS = 4, ROUNDS = 400, KINDS = 4, MS = 1000000 };

static const char *const guests[KINDS] = {"spinner", "silent", "hello", "server"};
static const char *const sleeps[] = {"hello", "sleep", "3600", NULL};

struct rider {
    pthread_t thread;
    unsigned seed;
    struct engine_component *components[KINDS];
    unsigned wrong; /* asserting is for the main thread */
};

struct ride {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned endings;
    struct engine_exit end;
    struct engine_counters counters;
};

static void on_exit_of(void *owner, const struct engine_exit *end)
{
    struct ride *ride = owner;

    (void)pthread_mutex_lock(&ride->lock);
    ride->end = *end;
    ride->endings++;
    (void)pthread_cond_signal(&ride->ended);
    (void)pthread_mutex_unlock(&ride->lock);
}

/* One of the things that can be done to a task at any time; 1 if it went wrong. */
static unsigned disturb(struct engine_task *task, unsigned choice)
{
    const struct engine_limits limits = {.memory_bytes = 64U << 20, .cpu_weight = 1 + choice};
    struct engine_why why;

    switch (choice % 5) {
    case 0:
        engine_task_pause(task);
        break;
    case 1:
        engine_task_resume(task);
        break;
    case 2:
        return engine_task_update(task, &limits, &why) != 0;
    case 3:
        engine_task_drain(task, MS);
        break;
    default:
        break;
    }
    return 0;
}

static unsigned ride_once(struct rider *rider, struct ride *ride)
{
    const size_t kind = (size_t)rand_r(&rider->seed) % KINDS;
    const struct engine_watcher watcher = {.on_exit = on_exit_of, .owner = ride};
    struct engine_grant grant = {.input = -1, .output = -1, .error = -1, .listener = -1};
    struct house_task listening = {.grant.listener = -1};
    struct engine_task *task = NULL;
    struct engine_why why;
    unsigned wrong = 0;

    if (kind == 3) {
        house_listen(&listening);
        grant.listener = listening.grant.listener;
    }
    grant.counters = &ride->counters;
    grant.args = sleeps;
    grant.arg_count = 3;
    ride->endings = 0;
    if (engine_task_start(rider->components[kind], &grant, &watcher, &task, &why) < 0) {
        return 1;
    }
    for (int i = rand_r(&rider->seed) % 4; i > 0; i--) {
        wrong += disturb(task, (unsigned)rand_r(&rider->seed) % 100);
    }
    engine_task_kill(task);
    (void)pthread_mutex_lock(&ride->lock);
    while (ride->endings == 0) {
        (void)pthread_cond_wait(&ride->ended, &ride->lock);
    }
    (void)pthread_mutex_unlock(&ride->lock);
    (void)engine_task_free(task);
    return wrong != 0 || ride->endings != 1 || ride->counters.instances != 0 ||
           ride->counters.memory_bytes != 0;
}

static void *ride_on(void *of)
{
    struct rider *rider = of;
    struct ride ride = {.endings = 0};

    (void)pthread_mutex_init(&ride.lock, NULL);
    (void)pthread_cond_init(&ride.ended, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        rider->wrong += ride_once(rider, &ride);
    }
    (void)pthread_cond_destroy(&ride.ended);
    (void)pthread_mutex_destroy(&ride.lock);
    return NULL;
}

static void a_storm_of_starts_and_ends_leaves_nothing(void **state)
{
    struct rider riders[THREADS] = {0};

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        riders[i].seed = i + 1;
        for (size_t k = 0; k < KINDS; k++) {
            riders[i].components[k] = house_guest(guests[k]);
        }
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&riders[i].thread, NULL, ride_on, &riders[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(riders[i].thread, NULL), 0);
        assert_int_equal(riders[i].wrong, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_of_starts_and_ends_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
