/* SPDX-License-Identifier: Apache-2.0 */
/* A defect of the host: one store pays for it, never the process. Needs the test hooks. */
#include <string.h>

#include "test/unit/engine/house.h"

enum { PANICS = HOUSE_INSTANCES + 500 }; /* more than there is room for at once */

/* Not in engine.h: only an engine for tests has it. */
int engine_test_panic(struct engine_why *why);

static void a_panic_at_the_door_is_a_failure_with_words(void **state)
{
    struct engine_why why = {0};

    (void)state;
    assert_int_equal(engine_test_panic(&why), -1);
    assert_int_equal(why.kind, ENGINE_BUG);
    assert_non_null(strstr(why.text, "a deliberate panic"));
}

static void a_panic_in_a_host_function_ends_its_own_task_only(void **state)
{
    struct house_task bystander;
    struct house_answer answer;
    struct house_task task;

    (void)state;
    house_prepare(&bystander, NULL);
    house_listen(&bystander);
    house_start(&bystander, "server");
    for (int i = 0; i < PANICS; i++) {
        house_prepare(&task, NULL);
        house_start(&task, "panicker");
        assert_int_equal(house_wait(&task)->how, ENGINE_TRAPPED);
        assert_non_null(strstr(task.end.text, "a host function panicked: a deliberate panic"));
        assert_int_equal(task.counters.traps, 1);
        house_done(&task);
    }
    assert_int_equal(house_errors(), PANICS);
    house_get(bystander.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    engine_task_kill(bystander.task);
    assert_int_equal(house_wait(&bystander)->how, ENGINE_KILLED);
    house_done(&bystander);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_panic_at_the_door_is_a_failure_with_words),
        cmocka_unit_test(a_panic_in_a_host_function_ends_its_own_task_only),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
