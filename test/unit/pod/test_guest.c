/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a guest: its legal moves, and who is told of its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_run.h"
#include "shim/pod/container.h"

static void only_the_moves_of_the_table_are_legal(void **state)
{
    static const char *const legal[GUEST_STATES] = {
        [GUEST_PREPARING] = "C", [GUEST_CREATED] = "SRL", [GUEST_STARTING] = "RL",
        [GUEST_RUNNING] = "PL",  [GUEST_PAUSED] = "RL",   [GUEST_LEAVING] = "X",
        [GUEST_STOPPED] = "",
    };
    static const char letters[GUEST_STATES] = {'-', 'C', 'S', 'R', 'P', 'L', 'X'};
    struct guest guest = {0};

    (void)state;
    for (unsigned from = 0; from < GUEST_STATES; from++) {
        guest.state = (enum guest_state)from;
        for (unsigned next = 0; next < GUEST_STATES; next++) {
            bool want = strchr(legal[from], letters[next]) != NULL;

            assert_int_equal(guest_may(&guest, (enum guest_state)next), want);
        }
    }
}

static void a_guest_that_ended_has_no_process(void **state)
{
    struct guest guest = {0};

    (void)state;
    for (unsigned each = 0; each < GUEST_STATES; each++) {
        guest.state = (enum guest_state)each;
        assert_int_equal(guest_is_live(&guest), each != GUEST_PREPARING && each != GUEST_STOPPED);
    }
}

struct told {
    char order[8];
    size_t count;
    struct guest_waiter *victim;
};

static void told_first(void *owner, struct guest *guest)
{
    struct told *told = owner;

    assert_int_equal(guest->state, GUEST_STOPPED);
    told->order[told->count++] = '1';
    guest_forget(told->victim);
}

static void told_second(void *owner, struct guest *guest)
{
    struct told *told = owner;

    (void)guest;
    told->order[told->count++] = '2';
}

static void waiters_are_told_in_order_and_may_forget_each_other(void **state)
{
    AUTO(container_free) struct container *container = container_new("ns", "id", "/bundle");
    struct guest *guest = &container->init;
    struct told told = {0};

    (void)state;
    guest_move(guest, GUEST_CREATED);
    (void)guest_wait(guest, told_first, &told);
    told.victim = guest_wait(guest, told_second, &told);
    (void)guest_wait(guest, told_second, &told);
    guest_move(guest, GUEST_LEAVING);
    assert_int_equal(told.count, 0);
    guest_move(guest, GUEST_STOPPED);
    assert_string_equal(told.order, "12");
}

static void an_exec_has_a_name_of_its_own_and_there_are_only_so_many(void **state)
{
    AUTO(container_free) struct container *container = container_new("ns", "id", "/bundle");
    struct guest *exec = NULL;
    struct guest *other = NULL;
    struct fault why = {0};
    char name[16];

    (void)state;
    assert_int_equal(container_admit_exec(container, "e", &exec, &why), 0);
    assert_ptr_equal(container_guest(container, "e"), exec);
    assert_ptr_equal(container_guest(container, ""), &container->init);
    assert_null(container_guest(container, "f"));
    assert_true(container_admit_exec(container, "e", &other, &why) < 0);
    assert_int_equal(why.kind, FAULT_EXISTS);
    assert_string_equal(why.text, "id e");
    for (int i = 1; i < CONTAINER_EXECS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "e%d", i);
        assert_int_equal(container_admit_exec(container, name, &other, &why), 0);
    }
    assert_true(container_admit_exec(container, "more", &other, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    while ((exec = TAILQ_FIRST(&container->execs)) != NULL) {
        container_remove_exec(exec);
    }
    assert_int_equal(container->execs_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_moves_of_the_table_are_legal),
        cmocka_unit_test(a_guest_that_ended_has_no_process),
        cmocka_unit_test(waiters_are_told_in_order_and_may_forget_each_other),
        cmocka_unit_test(an_exec_has_a_name_of_its_own_and_there_are_only_so_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
