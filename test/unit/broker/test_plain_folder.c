/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "runtime/broker/folder.h"
#include "runtime/grant/grant.h"

static struct fault why;

static int open_one(const char *source, bool read_only, struct folders **ret)
{
    char guest[] = "/data";
    struct grant_folder folder = {
        .source = (char *)(uintptr_t)source, .guest = guest, .read_only = read_only};
    struct grant grant = {.folders = &folder, .folders_count = 1};
    struct folders_plan plan = {.grant = &grant, .plain = true};

    return folders_open(&plan, ret, &why);
}

static void a_folder_is_opened_without_privileges(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;
    struct stat opened;
    struct stat there;

    (void)state;
    assert_int_equal(open_one("/tmp", true, &folders), 0);
    assert_int_equal(folders_count(folders), 1);
    assert_true(folders_at(folders, 0)->read_only);
    assert_int_equal(fstat(folders_at(folders, 0)->dir, &opened), 0);
    assert_int_equal(stat("/tmp", &there), 0);
    assert_int_equal(opened.st_ino, there.st_ino);
}

static void what_is_missing_is_named(void **state)
{
    struct folders *folders = NULL;

    (void)state;
    assert_true(open_one("/tmp/skep-not-there", true, &folders) < 0);
    assert_string_equal(why.text,
                        "mount /data: open /tmp/skep-not-there: No such file or directory");
}

static void a_single_file_needs_root(void **state)
{
    struct folders *folders = NULL;

    (void)state;
    assert_true(open_one("/proc/self/status", true, &folders) < 0);
    assert_string_equal(why.text,
                        "mount /data: /proc/self/status is a single file, which needs root");
}

static void too_many_mounts_are_refused_by_number(void **state)
{
    struct folders *folders = NULL;
    struct grant grant = {.folders_count = GRANT_FOLDERS_MAX + 1};
    struct folders_plan plan = {.grant = &grant, .plain = true};

    (void)state;
    assert_true(folders_open(&plan, &folders, &why) < 0);
    assert_string_equal(why.text, "a task has at most 48 mounts, not 49");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_opened_without_privileges),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_single_file_needs_root),
        cmocka_unit_test(too_many_mounts_are_refused_by_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
