/* SPDX-License-Identifier: Apache-2.0 */
/* Trees, versions, and the link that says which one is new. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/text.h"
#include "k8s/installer/host.h"
#include "k8s/installer/programs.h"
#include "k8s/installer/tree.h"

static char folder[] = "/tmp/skep-programs-XXXXXX";
static struct host host;
static struct programs programs;

static const char *in_folder(const char *path)
{
    static char full[512];

    assert_true(snprintf(full, sizeof(full), "%s%s", folder, path) < (int)sizeof(full));
    return full;
}

static void make(const char *path, const char *text, mode_t mode)
{
    struct fault why = {0};

    assert_int_equal(fs_replace(AT_FDCWD, in_folder(path), text_of(text), mode, &why), 0);
}

static bool is_there(const char *path)
{
    struct stat about;

    return lstat(in_folder(path), &about) == 0;
}

static int setup(void **state)
{
    struct fault why = {0};

    (void)state;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(fs_make_folders(in_folder("/image/v1/bin"), 0755), 0);
    assert_int_equal(fs_make_folders(in_folder("/image/v1/libexec/skep"), 0755), 0);
    assert_int_equal(fs_make_folders(in_folder("/node/opt"), 0755), 0);
    make("/image/v1/bin/shim", "one", 0755);
    make("/image/v1/libexec/skep/skepd", "two", 0750);
    assert_int_equal(symlink("shim", in_folder("/image/v1/bin/shim-shared")), 0);
    assert_int_equal(host_open(in_folder("/node"), &host, &why), 0);
    programs = (struct programs){.id = "v1"};
    (void)snprintf(programs.source, sizeof(programs.source), "%s", in_folder("/image/v1"));
    return 0;
}

static int teardown(void **state)
{
    struct fault why = {0};

    (void)state;
    host_close(&host);
    return tree_remove(AT_FDCWD, folder, &why);
}

static void a_version_is_copied_once(void **state)
{
    struct fault why = {0};
    struct stat about;
    char target[64] = "";

    (void)state;
    assert_int_equal(programs_copy(&host, &programs, &why), 1);
    assert_int_equal(stat(in_folder("/node/opt/skep/versions/v1/libexec/skep/skepd"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0750);
    assert_int_equal(about.st_size, 3);
    assert_int_equal(readlink(in_folder("/node/opt/skep/versions/v1/bin/shim-shared"), target, 63),
                     4);
    assert_string_equal(target, "shim");
    assert_int_equal(programs_copy(&host, &programs, &why), 0);
}

static void half_a_copy_is_not_taken_for_one(void **state)
{
    struct fault why = {0};

    (void)state;
    assert_int_equal(fs_make_folders(in_folder("/node/opt/skep/versions/.v1.new/bin"), 0755), 0);
    make("/node/opt/skep/versions/.v1.new/bin/shim", "ha", 0600);
    assert_int_equal(programs_copy(&host, &programs, &why), 1);
    assert_false(is_there("/node/opt/skep/versions/.v1.new"));
    assert_true(is_there("/node/opt/skep/versions/v1/bin/shim"));
}

static void what_cannot_be_copied_is_named(void **state)
{
    struct fault why = {0};

    (void)state;
    assert_int_equal(mkfifo(in_folder("/image/v1/bin/pipe"), 0600), 0);
    assert_true(programs_copy(&host, &programs, &why) < 0);
    assert_non_null(
        strstr(why.text, "copy Skep to /opt/skep/versions/v1 of the node: pipe is no file"));
    assert_false(is_there("/node/opt/skep/versions/v1"));
}

static void the_link_is_swapped_and_taken_back(void **state)
{
    struct fault why = {0};
    char old[PROGRAMS_ID_ROOM];

    (void)state;
    assert_int_equal(programs_copy(&host, &programs, &why), 1);
    assert_int_equal(programs_switch(&host, "v1", old, &why), 0);
    assert_string_equal(old, "");
    assert_true(is_there("/node/opt/skep/current/bin/shim"));
    assert_int_equal(programs_switch(&host, "v2", old, &why), 0);
    assert_string_equal(old, "v1");
    assert_int_equal(programs_switch(&host, "", old, &why), 0);
    assert_string_equal(old, "v2");
    assert_false(is_there("/node/opt/skep/current"));
}

static void versions_go_when_nothing_runs_from_them(void **state)
{
    struct fault why = {0};
    int running;

    (void)state;
    assert_int_equal(programs_copy(&host, &programs, &why), 1);
    (void)snprintf(programs.id, sizeof(programs.id), "v2");
    assert_int_equal(programs_copy(&host, &programs, &why), 1);
    (void)snprintf(programs.id, sizeof(programs.id), "v3");
    assert_int_equal(programs_copy(&host, &programs, &why), 1);
    /* A skepd of v1 runs. */
    running =
        open(in_folder("/node/opt/skep/versions/v1/libexec/skep/skepd"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(running, LOCK_SH), 0);
    assert_int_equal(programs_sweep(&host, "v3", &why), 1);
    assert_true(is_there("/node/opt/skep/versions/v1/bin/shim"));
    assert_false(is_there("/node/opt/skep/versions/v2"));
    (void)fd_close(running);
    assert_int_equal(programs_sweep(&host, "v3", &why), 0);
    assert_false(is_there("/node/opt/skep/versions/v1"));
    assert_true(is_there("/node/opt/skep/versions/v3/bin/shim"));
    assert_int_equal(programs_sweep(&host, "", &why), 0);
    assert_false(is_there("/node/opt/skep"));
    /* Nothing there: nothing to do. */
    assert_int_equal(programs_sweep(&host, "", &why), 0);
}

static void what_is_not_ours_stays(void **state)
{
    struct fault why = {0};

    (void)state;
    assert_int_equal(programs_copy(&host, &programs, &why), 1);
    make("/node/opt/skep/note", "of somebody", 0644);
    assert_int_equal(programs_sweep(&host, "", &why), 0);
    assert_true(is_there("/node/opt/skep/note"));
    assert_false(is_there("/node/opt/skep/versions"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_version_is_copied_once, setup, teardown),
        cmocka_unit_test_setup_teardown(half_a_copy_is_not_taken_for_one, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_copied_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(the_link_is_swapped_and_taken_back, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_go_when_nothing_runs_from_them, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_ours_stays, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
