/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/compose/slot.h"

static void names_of_slots_are_recognised(void **state)
{
    (void)state;
    assert_true(slot_is_name("c0-wasi:cli/exit@0.2.0"));
    assert_true(slot_is_name("C63-acme:vault/store"));
    assert_true(slot_is_name("c12345-a:b/c"));
    assert_false(slot_is_name("c-wasi:cli/exit"));
    assert_false(slot_is_name("c1wasi:cli/exit"));
    assert_false(slot_is_name("c1-run"));
    assert_false(slot_is_name("cc1-a:b/c"));
    assert_false(slot_is_name("wasi:cli/exit"));
    assert_false(slot_is_name(""));
}

static void types_of_handles_are_shared_and_give_nothing(void **state)
{
    (void)state;
    assert_true(slot_is_shared("wasi:io/streams@0.2.0"));
    assert_true(slot_is_shared("wasi:filesystem/types@0.3.0"));
    assert_null(slot_gives("wasi:io/streams@0.2.0"));
    assert_null(slot_gives("acme:vault/store@1.0.0"));
}

static void roots_give_what_the_table_says(void **state)
{
    (void)state;
    assert_string_equal(slot_gives("wasi:filesystem/preopens@0.2.0"), "files");
    assert_string_equal(slot_gives("wasi:sockets/types@0.3.0"), "network");
    assert_string_equal(slot_gives("wasi:http/client@0.3.0"), "HTTP out");
    assert_false(slot_is_shared("wasi:sockets/types@0.3.0"));
}

static void what_is_unknown_of_wasi_is_a_root(void **state)
{
    (void)state;
    assert_string_equal(slot_gives("wasi:keyvalue/store@0.2.0"), "wasi:keyvalue/store@0.2.0");
    assert_string_equal(slot_gives("wasi:io/streams@0.4.0"), "wasi:io/streams@0.4.0");
    assert_string_equal(slot_gives("wasi:io/streams"), "wasi:io/streams");
    assert_string_equal(slot_gives("wasi:io/streams@0.2.0-rc.1"), "wasi:io/streams@0.2.0-rc.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_slots_are_recognised),
        cmocka_unit_test(types_of_handles_are_shared_and_give_nothing),
        cmocka_unit_test(roots_give_what_the_table_says),
        cmocka_unit_test(what_is_unknown_of_wasi_is_a_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
