/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/text.h"
#include "runtime/compose/interface.h"

static enum interface_match match(const char *wanted, const char *offered)
{
    struct interface a = interface_read(wanted);
    struct interface b = interface_read(offered);

    return interface_match(&a, &b);
}

static void a_name_has_a_path_and_a_version(void **state)
{
    struct interface interface = interface_read("acme:vault/store@1.20.3-rc.1+build5");

    (void)state;
    assert_true(text_is(interface.path, "acme:vault/store"));
    assert_true(text_is(interface.version, "1.20.3-rc.1+build5"));
    assert_true(text_is(interface.pre, "rc.1"));
    assert_int_equal(interface.numbers[1], 20);
}

static void what_is_no_version_belongs_to_the_path(void **state)
{
    static const char *const names[] = {
        "run", "a:b/c", "a:b/c@", "a:b/c@1", "a:b/c@1.0", "a:b/c@1.0.x", "a:b/c@01.0.0", "a:b/c@1.0.0.0",
        "a:b/c@99999999999999999999.0.0", "", "@", "a:b/c@1.0.0@1.0.0"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct interface interface = interface_read(names[i]);

        assert_true(text_is(interface.path, names[i]));
        assert_int_equal(interface.version.length, 0);
        assert_int_equal(match(names[i], names[i]), INTERFACE_FITS);
    }
}

static void newer_ones_of_a_line_fit(void **state)
{
    (void)state;
    assert_int_equal(match("a:b/c@1.0.0", "a:b/c@1.0.0"), INTERFACE_FITS);
    assert_int_equal(match("a:b/c@1.2.3", "a:b/c@1.10.0"), INTERFACE_FITS);
    assert_int_equal(match("a:b/c@0.2.0", "a:b/c@0.2.12"), INTERFACE_FITS);
    assert_int_equal(match("a:b/c@0.0.7", "a:b/c@0.0.7"), INTERFACE_FITS);
    assert_int_equal(match("a:b/c@1.0.0+x", "a:b/c@1.0.0+y"), INTERFACE_FITS);
}

static void older_ones_of_a_line_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(match("a:b/c@1.2.0", "a:b/c@1.1.9"), INTERFACE_OLDER);
    assert_int_equal(match("a:b/c@0.2.12", "a:b/c@0.2.3"), INTERFACE_OLDER);
}

static void other_lines_do_not_fit(void **state)
{
    (void)state;
    assert_int_equal(match("a:b/c@1.0.0", "a:b/c@2.0.0"), INTERFACE_FOREIGN);
    assert_int_equal(match("a:b/c@2.0.0", "a:b/c@1.9.0"), INTERFACE_FOREIGN);
    assert_int_equal(match("a:b/c@0.2.0", "a:b/c@0.3.0"), INTERFACE_FOREIGN);
    assert_int_equal(match("a:b/c@0.0.1", "a:b/c@0.0.2"), INTERFACE_FOREIGN);
    assert_int_equal(match("a:b/c@0.1.0", "a:b/c@1.1.0"), INTERFACE_FOREIGN);
    assert_int_equal(match("a:b/c", "a:b/c@1.0.0"), INTERFACE_FOREIGN);
    assert_int_equal(match("a:b/c@1.0.0", "a:b/c"), INTERFACE_FOREIGN);
}

static void a_pre_release_fits_only_itself(void **state)
{
    (void)state;
    assert_int_equal(match("a:b/c@1.0.0-rc.1", "a:b/c@1.0.0-rc.1"), INTERFACE_FITS);
    assert_int_equal(match("a:b/c@1.0.0-rc.1", "a:b/c@1.0.0-rc.2"), INTERFACE_FOREIGN);
    assert_int_equal(match("a:b/c@1.0.0-rc.1", "a:b/c@1.0.0"), INTERFACE_FOREIGN);
    assert_int_equal(match("a:b/c@1.0.0", "a:b/c@1.0.1-rc.1"), INTERFACE_FOREIGN);
}

static void other_paths_are_other_interfaces(void **state)
{
    (void)state;
    assert_int_equal(match("a:b/c@1.0.0", "a:b/d@1.0.0"), INTERFACE_OTHER);
    assert_int_equal(match("a:b/c", "a:b/cc"), INTERFACE_OTHER);
}

static void they_are_ordered_by_path_then_by_version(void **state)
{
    static const char *const names[] = {"a:b/c",       "a:b/c@0.9.0", "a:b/c@1.0.0-rc.1", "a:b/c@1.0.0",
                                        "a:b/c@1.2.0", "a:b/c@1.10.0", "a:b/cc",          "b"};

    (void)state;
    for (size_t i = 0; i + 1 < ARRAY_SIZE(names); i++) {
        struct interface a = interface_read(names[i]);
        struct interface b = interface_read(names[i + 1]);

        assert_true(interface_order(&a, &b) < 0);
        assert_true(interface_order(&b, &a) > 0);
        assert_int_equal(interface_order(&a, &a), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_a_path_and_a_version),
        cmocka_unit_test(what_is_no_version_belongs_to_the_path),
        cmocka_unit_test(newer_ones_of_a_line_fit),
        cmocka_unit_test(older_ones_of_a_line_are_told_apart),
        cmocka_unit_test(other_lines_do_not_fit),
        cmocka_unit_test(a_pre_release_fits_only_itself),
        cmocka_unit_test(other_paths_are_other_interfaces),
        cmocka_unit_test(they_are_ordered_by_path_then_by_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
