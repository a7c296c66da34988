/* SPDX-License-Identifier: Apache-2.0 */
/* Every test runs twice: as on this kernel, and as on kernels before 6.15. */
#include "area.h"

static struct idmaps *idmaps;

static int set_up(void **state)
{
    (void)state;
    area_clear();
    idmaps = idmaps_new(WORKER);
    write_file(AREA "/one", "1", 0400);
    write_file(AREA "/two", "2", 0644);
    (void)mkdir(AREA "/folder", 0755);
    write_file(AREA "/folder/kept", "k", 0644);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    idmaps = idmaps_free(idmaps);
    return 0;
}

static int open_all(void **state, struct grant_folder *list, size_t count, struct folders **ret)
{
    struct grant grant = grant_of(list, count, 0);
    struct folders_plan plan = {.grant = &grant, .idmaps = idmaps, .stage = *state != NULL};

    return folders_open(&plan, ret, &why);
}

static void files_of_one_place_share_a_folder_that_holds_only_them(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;
    struct grant_folder list[] = {
        {.source = TEXT(AREA "/one"),
         .guest = TEXT("/etc/app/one"),
         .read_only = true,
         .is_file = true},
        {.source = TEXT(AREA "/two"),
         .guest = TEXT("/etc/app/two"),
         .read_only = true,
         .is_file = true},
    };
    int dir;

    assert_int_equal(open_all(state, list, 2, &folders), 0);
    assert_int_equal(folders_count(folders), 1);
    assert_string_equal(folders_at(folders, 0)->guest, "/etc/app");
    dir = folders_at(folders, 0)->dir;
    assert_int_equal(as_worker(dir, READ, "one", "1"), 0);
    assert_int_equal(as_worker(dir, READ, "two", "2"), 0);
    assert_int_equal(as_user(0, dir, WRITE, "one", "x"), EROFS);
    assert_int_equal(as_user(0, dir, WRITE, "two", "x"), EROFS);
    assert_int_equal(as_user(0, dir, CREATE, "three", NULL), EROFS);
    assert_int_equal(as_worker(dir, READ, "../one", "1"), 0); /* ".." stays where it is */
    assert_int_equal(as_worker(dir, READ, "../folder/kept", "k"), ENOENT);
}

static void a_writable_file_is_written_where_it_lies(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;
    struct grant_folder list[] = {
        {.source = TEXT(AREA "/one"), .guest = TEXT("/one"), .is_file = true}};
    int dir;

    assert_int_equal(open_all(state, list, 1, &folders), 0);
    assert_string_equal(folders_at(folders, 0)->guest, "/");
    dir = folders_at(folders, 0)->dir;
    assert_int_equal(chmod(AREA "/one", 0600), 0);
    assert_int_equal(as_worker(dir, WRITE, "one", "new"), 0);
    assert_int_equal(as_worker(dir, READ, "one", "new"), 0);
    assert_int_equal(as_user(0, dir, CREATE, "two", NULL), EROFS);
    {
        int fd = open(AREA "/one", O_RDONLY | O_CLOEXEC);
        char bytes[8] = "";

        assert_int_equal(read(fd, bytes, 7), 3);
        assert_string_equal(bytes, "new");
        (void)close(fd);
    }
}

static void a_file_in_a_granted_folder_hides_what_is_there(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;
    struct grant_folder list[] = {
        {.source = TEXT(AREA "/two"),
         .guest = TEXT("/data/kept"),
         .read_only = true,
         .is_file = true},
        {.source = TEXT(AREA "/folder"), .guest = TEXT("/data"), .read_only = true},
    };
    int dir;

    write_file(AREA "/folder/other", "o", 0644);
    assert_int_equal(open_all(state, list, 2, &folders), 0);
    assert_int_equal(folders_count(folders), 1);
    dir = folders_at(folders, 0)->dir;
    assert_int_equal(as_worker(dir, READ, "kept", "2"), 0);
    assert_int_equal(as_worker(dir, READ, "other", "o"), 0);
    assert_int_equal(as_user(0, dir, WRITE, "kept", "x"), EROFS);
}

static void a_place_in_a_writable_folder_is_made(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;
    struct grant_folder list[] = {
        {.source = TEXT(AREA "/folder"), .guest = TEXT("/data")},
        {.source = TEXT(AREA "/two"),
         .guest = TEXT("/data/two"),
         .read_only = true,
         .is_file = true},
    };
    struct stat placed;
    int dir;

    assert_int_equal(open_all(state, list, 2, &folders), 0);
    dir = folders_at(folders, 0)->dir;
    assert_int_equal(as_worker(dir, READ, "two", "2"), 0);
    assert_int_equal(as_user(0, dir, WRITE, "two", "x"), EROFS);
    assert_int_equal(as_worker(dir, CREATE, "three", NULL), 0);
    assert_int_equal(stat(AREA "/folder/two", &placed), 0);
    assert_int_equal(placed.st_size, 0);
}

static void a_place_in_a_read_only_root_is_made_and_in_a_folder_is_refused(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;
    struct folders *none = NULL;
    struct grant_folder list[] = {
        {.source = TEXT(AREA "/folder"), .guest = TEXT("/"), .read_only = true, .is_rootfs = true},
        {.source = TEXT(AREA "/two"), .guest = TEXT("/two"), .read_only = true, .is_file = true},
    };

    assert_int_equal(open_all(state, list, 2, &folders), 0);
    assert_int_equal(as_worker(folders_at(folders, 0)->dir, READ, "two", "2"), 0);
    assert_int_equal(as_user(0, folders_at(folders, 0)->dir, CREATE, "three", NULL), EROFS);
    list[0].is_rootfs = false;
    list[0].guest = TEXT("/data");
    list[1].guest = TEXT("/data/missing");
    assert_true(open_all(state, list, 2, &none) < 0);
    assert_string_equal(why.text,
                        "mount /data/missing: the folder /data around it has no such file "
                        "and is read-only");
}

static void a_place_below_a_missing_folder_gets_a_folder_of_its_own(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;
    struct grant_folder list[] = {
        {.source = TEXT(AREA "/folder"), .guest = TEXT("/"), .read_only = true, .is_rootfs = true},
        {.source = TEXT(AREA "/two"),
         .guest = TEXT("/etc/app/two"),
         .read_only = true,
         .is_file = true},
    };

    assert_int_equal(open_all(state, list, 2, &folders), 0);
    assert_int_equal(folders_count(folders), 2);
    assert_string_equal(folders_at(folders, 1)->guest, "/etc/app");
    assert_int_equal(as_worker(folders_at(folders, 1)->dir, READ, "two", "2"), 0);
}

static void a_symlink_in_a_root_does_not_lead_a_file_out_of_it(void **state)
{
    struct folders *folders = NULL;
    struct grant_folder list[] = {
        {.source = TEXT(AREA "/folder"), .guest = TEXT("/"), .read_only = false, .is_rootfs = true},
        {.source = TEXT(AREA "/two"),
         .guest = TEXT("/etc/two"),
         .read_only = true,
         .is_file = true},
    };
    struct stat made;

    assert_int_equal(mkdir(AREA "/target", 0777), 0);
    assert_int_equal(symlink(AREA "/target", AREA "/folder/etc"), 0);
    (void)open_all(state, list, 2, &folders); /* in the root there is no such folder */
    folders = folders_close(folders);
    assert_true(stat(AREA "/target/two", &made) < 0);
}

static void single_files_leave_nothing_open(void **state)
{
    struct grant_folder list[] = {
        {.source = TEXT(AREA "/one"),
         .guest = TEXT("/etc/app/one"),
         .read_only = true,
         .is_file = true},
        {.source = TEXT(AREA "/two"),
         .guest = TEXT("/data/kept"),
         .read_only = true,
         .is_file = true},
        {.source = TEXT(AREA "/folder"), .guest = TEXT("/data"), .read_only = true},
        {.source = TEXT(AREA "/none"), .guest = TEXT("/none"), .read_only = true},
    };
    struct folders *folders = NULL;
    size_t before;

    assert_int_equal(open_all(state, list, 3, &folders), 0);
    folders = folders_close(folders);
    before = open_descriptors();
    for (int i = 0; i < 50; i++) {
        assert_int_equal(open_all(state, list, 3, &folders), 0);
        folders = folders_close(folders);
        assert_true(open_all(state, list, 4, &folders) < 0);
    }
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(umount(AREA), 0); /* nothing holds it */
    assert_int_equal(mount("area", AREA, "tmpfs", 0, "mode=0755"), 0);
}

static int set_up_staged(void **state)
{
    int done = set_up(state);

    *state = &idmaps;
    return done;
}

#define CASE(name) \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down), \
        cmocka_unit_test_setup_teardown(name, set_up_staged, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(files_of_one_place_share_a_folder_that_holds_only_them),
        CASE(a_writable_file_is_written_where_it_lies),
        CASE(a_file_in_a_granted_folder_hides_what_is_there),
        CASE(a_place_in_a_writable_folder_is_made),
        CASE(a_place_in_a_read_only_root_is_made_and_in_a_folder_is_refused),
        CASE(a_place_below_a_missing_folder_gets_a_folder_of_its_own),
        CASE(a_symlink_in_a_root_does_not_lead_a_file_out_of_it),
        CASE(single_files_leave_nothing_open),
    };

    if (!area_make()) {
        return SKIPPED;
    }
    log_open(-1, "test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
