/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "runtime/stats/page.h"

static void the_lowest_free_slot_is_admitted_and_zero(void **state)
{
    AUTO(stats_page_free) struct stats_page *page = NULL;
    struct engine_counters counters = {0};
    struct fault why = {0};
    uint32_t slot = 99;

    (void)state;
    assert_int_equal(stats_page_new(&page, &why), 0);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(stats_page_admit(page, &slot, &why), 0);
        assert_int_equal(slot, i);
    }
    stats_page_counters(page, 130)->cpu_ns = 7;
    stats_page_release(page, 130);
    assert_int_equal(stats_page_taken(page), 199);
    assert_int_equal(stats_page_admit(page, &slot, &why), 0);
    assert_int_equal(slot, 130);
    stats_page_read(page, slot, &counters);
    assert_int_equal(counters.cpu_ns, 0);
}

static void more_slots_than_there_are_is_a_limit(void **state)
{
    AUTO(stats_page_free) struct stats_page *page = NULL;
    struct fault why = {0};
    uint32_t slot = 0;

    (void)state;
    assert_int_equal(stats_page_new(&page, &why), 0);
    for (uint32_t i = 0; i < STATS_SLOTS_MAX; i++) {
        assert_int_equal(stats_page_admit(page, &slot, &why), 0);
    }
    assert_true(stats_page_admit(page, &slot, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    stats_page_release(page, 40000);
    assert_int_equal(stats_page_admit(page, &slot, &why), 0);
    assert_int_equal(slot, 40000);
    assert_null(stats_page_counters(page, STATS_SLOTS_MAX));
}

static void what_another_process_counted_survives_its_death(void **state)
{
    AUTO(stats_page_free) struct stats_page *page = NULL;
    struct engine_counters counters = {0};
    struct fault why = {0};
    int status = 0;
    pid_t child;

    (void)state;
    assert_int_equal(stats_page_new(&page, &why), 0);
    child = fork();
    if (child == 0) {
        struct stats_page *mine = NULL;

        if (stats_page_map(stats_page_memory(page), &mine, &why) < 0) {
            _exit(1);
        }
        __atomic_fetch_add(&stats_page_counters(mine, 65535)->requests, 5, __ATOMIC_RELAXED);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    stats_page_read(page, 65535, &counters);
    assert_int_equal(counters.requests, 5);
}

static void a_worker_cannot_change_the_size_of_the_page(void **state)
{
    AUTO(stats_page_free) struct stats_page *page = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(stats_page_new(&page, &why), 0);
    assert_true(ftruncate(stats_page_memory(page), 0) < 0);
    assert_true(ftruncate(stats_page_memory(page), 1 << 30) < 0);
}

static void only_a_sealed_page_of_the_right_size_is_mapped(void **state)
{
    AUTO(fd_close) int plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    AUTO(fd_close) int small = fs_memory("small", "x", 1);
    struct stats_page *page = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(ftruncate(plain, (off_t)STATS_SLOTS_MAX * 64), 0);
    assert_true(stats_page_map(plain, &page, &why) < 0);
    assert_true(stats_page_map(small, &page, &why) < 0);
    assert_true(stats_page_map(-1, &page, &why) < 0);
    assert_int_equal(why.kind, FAULT_INVALID);
    assert_null(page);
}

static void untouched_slots_cost_no_memory(void **state)
{
    AUTO(stats_page_free) struct stats_page *page = NULL;
    struct fault why = {0};
    struct stat about = {0};
    uint32_t slot = 0;

    (void)state;
    assert_int_equal(stats_page_new(&page, &why), 0);
    assert_int_equal(stats_page_admit(page, &slot, &why), 0);
    assert_int_equal(fstat(stats_page_memory(page), &about), 0);
    assert_true(about.st_blocks * 512 <= 64 * 1024);
}

static void latencies_cost_memory_only_where_there_are_requests(void **state)
{
    AUTO(stats_page_free) struct stats_page *page = NULL;
    struct engine_latency latency = {.sum_ns = 99};
    struct fault why = {0};
    struct stat about = {0};
    uint32_t slot = 0;

    (void)state;
    assert_int_equal(stats_page_new(&page, &why), 0);
    for (uint32_t i = 0; i < 4096; i++) {
        assert_int_equal(stats_page_admit(page, &slot, &why), 0);
        assert_false(stats_page_read_latency(page, slot, &latency));
    }
    assert_int_equal(latency.sum_ns, 99);
    assert_int_equal(fstat(stats_page_memory(page), &about), 0);
    assert_true(about.st_blocks * 512 <= 4096 * 128 + 64 * 1024);
}

static void a_slot_starts_without_the_latencies_of_its_last_task(void **state)
{
    AUTO(stats_page_free) struct stats_page *page = NULL;
    struct engine_latency latency = {0};
    struct fault why = {0};
    uint32_t slot = 0;

    (void)state;
    assert_int_equal(stats_page_new(&page, &why), 0);
    assert_int_equal(stats_page_admit(page, &slot, &why), 0);
    stats_page_counters(page, slot)->requests = 2;
    stats_page_latency(page, slot)->sum_ns = 5;
    stats_page_latency(page, slot)->buckets[ENGINE_LATENCY_BUCKETS - 1] = 2;
    assert_true(stats_page_read_latency(page, slot, &latency));
    assert_int_equal(latency.sum_ns, 5);
    assert_int_equal(latency.buckets[ENGINE_LATENCY_BUCKETS - 1], 2);
    stats_page_release(page, slot);
    assert_int_equal(stats_page_admit(page, &slot, &why), 0);
    assert_false(stats_page_read_latency(page, slot, &latency));
    stats_page_counters(page, slot)->requests = 1;
    assert_true(stats_page_read_latency(page, slot, &latency));
    assert_int_equal(latency.sum_ns, 0);
    assert_int_equal(latency.buckets[ENGINE_LATENCY_BUCKETS - 1], 0);
    assert_null(stats_page_latency(page, STATS_SLOTS_MAX));
}

static void buckets_double_in_two_steps(void **state)
{
    const uint64_t bounds[] = {0, 16, 24, 32, 48, 64, 96, 128};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bounds); i++) {
        assert_int_equal(engine_latency_from_us(i), bounds[i]);
    }
    assert_int_equal(engine_latency_from_us(ENGINE_LATENCY_BUCKETS - 1), UINT64_C(1) << 26);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_free_slot_is_admitted_and_zero),
        cmocka_unit_test(more_slots_than_there_are_is_a_limit),
        cmocka_unit_test(what_another_process_counted_survives_its_death),
        cmocka_unit_test(a_worker_cannot_change_the_size_of_the_page),
        cmocka_unit_test(only_a_sealed_page_of_the_right_size_is_mapped),
        cmocka_unit_test(untouched_slots_cost_no_memory),
        cmocka_unit_test(latencies_cost_memory_only_where_there_are_requests),
        cmocka_unit_test(a_slot_starts_without_the_latencies_of_its_last_task),
        cmocka_unit_test(buckets_double_in_two_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
