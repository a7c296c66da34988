/* SPDX-License-Identifier: Apache-2.0 */
#include "area.h"

static struct idmaps *idmaps;

static int set_up(void **state)
{
    (void)state;
    area_clear();
    idmaps = idmaps_new(WORKER);
    return mkdir(AREA "/src", 0755);
}

static int tear_down(void **state)
{
    (void)state;
    idmaps = idmaps_free(idmaps);
    return 0;
}

static int open_one(bool read_only, int64_t user, struct folders **ret)
{
    struct grant_folder folder = {
        .source = TEXT(AREA "/src"), .guest = TEXT("/data"), .read_only = read_only};
    struct grant grant = grant_of(&folder, 1, user);
    struct folders_plan plan = {.grant = &grant, .idmaps = idmaps};

    return folders_open(&plan, ret, &why);
}

static int dir_of(const struct folders *folders, size_t index)
{
    return folders_at(folders, index)->dir;
}

static void a_secret_of_root_is_read_by_the_worker_and_written_by_nobody(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;

    (void)state;
    write_file(AREA "/src/secret", "s3", 0400);
    assert_int_equal(open_one(true, 0, &folders), 0);
    assert_int_equal(folders_count(folders), 1);
    assert_string_equal(folders_at(folders, 0)->guest, "/data");
    assert_true(folders_at(folders, 0)->read_only);
    assert_int_equal(as_worker(dir_of(folders, 0), READ, "secret", "s3"), 0);
    assert_int_equal(as_worker(dir_of(folders, 0), LIST, ".", NULL), 0);
    assert_int_equal(as_worker(dir_of(folders, 0), CREATE, "new", NULL), EROFS);
    assert_int_equal(as_worker(dir_of(folders, 0), REMOVE, "secret", NULL), EROFS);
    assert_int_equal(as_user(0, dir_of(folders, 0), WRITE, "secret", "x"), EROFS);
    assert_int_equal(as_user(WORKER + 1, dir_of(folders, 0), READ, "secret", "s3"), EACCES);
}

static void mounts_below_a_read_only_folder_are_read_only_too(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;

    (void)state;
    assert_int_equal(mkdir(AREA "/src/sub", 0755), 0);
    assert_int_equal(mount("sub", AREA "/src/sub", "tmpfs", 0, NULL), 0);
    write_file(AREA "/src/sub/file", "below", 0644);
    assert_int_equal(open_one(true, 0, &folders), 0);
    assert_int_equal(as_worker(dir_of(folders, 0), READ, "sub/file", "below"), 0);
    assert_int_equal(as_user(0, dir_of(folders, 0), WRITE, "sub/file", "x"), EROFS);
}

static void no_path_leads_out_of_a_folder(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;
    struct stat inside;
    struct stat above;

    (void)state;
    write_file(AREA "/outside", "o", 0644);
    assert_int_equal(open_one(true, 0, &folders), 0);
    assert_int_equal(as_worker(dir_of(folders, 0), READ, "../outside", "o"), ENOENT);
    assert_int_equal(fstat(dir_of(folders, 0), &inside), 0);
    assert_int_equal(fstatat(dir_of(folders, 0), "../../../..", &above, 0), 0);
    assert_int_equal(inside.st_ino, above.st_ino);
}

static void what_the_worker_writes_belongs_to_the_owner_of_the_folder(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;
    struct stat file;

    (void)state;
    assert_int_equal(chown(AREA "/src", 1234, 2345), 0);
    assert_int_equal(open_one(false, 0, &folders), 0);
    assert_false(folders_at(folders, 0)->read_only);
    assert_int_equal(as_worker(dir_of(folders, 0), CREATE, "new", NULL), 0);
    assert_int_equal(stat(AREA "/src/new", &file), 0);
    assert_int_equal(file.st_uid, 1234);
    assert_int_equal(file.st_gid, 2345);
    assert_int_equal(as_worker(dir_of(folders, 0), REMOVE, "new", NULL), 0);
}

static void a_task_of_another_user_has_the_rights_of_that_user(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;

    (void)state;
    write_file(AREA "/src/mine", "m", 0600);
    write_file(AREA "/src/roots", "r", 0600);
    write_file(AREA "/src/everyones", "e", 0666);
    assert_int_equal(chown(AREA "/src/mine", 1000, 1000), 0);
    assert_int_equal(open_one(false, 1000, &folders), 0);
    assert_int_equal(as_worker(dir_of(folders, 0), READ, "mine", "m"), 0);
    assert_int_equal(as_worker(dir_of(folders, 0), WRITE, "mine", "n"), 0);
    assert_int_equal(as_worker(dir_of(folders, 0), READ, "roots", "r"), EACCES);
    assert_int_equal(as_worker(dir_of(folders, 0), WRITE, "everyones", "x"), 0);
    assert_int_equal(as_worker(dir_of(folders, 0), CREATE, "new", NULL), EACCES);
}

static void a_swap_of_a_config_map_is_seen(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;

    (void)state;
    assert_int_equal(mkdir(AREA "/src/..1", 0755), 0);
    assert_int_equal(mkdir(AREA "/src/..2", 0755), 0);
    write_file(AREA "/src/..1/key", "one", 0644);
    write_file(AREA "/src/..2/key", "two", 0644);
    assert_int_equal(symlink("..1", AREA "/src/..data"), 0);
    assert_int_equal(symlink("..data/key", AREA "/src/key"), 0);
    assert_int_equal(open_one(true, 0, &folders), 0);
    assert_int_equal(as_worker(dir_of(folders, 0), READ, "key", "one"), 0);
    assert_int_equal(symlink("..2", AREA "/src/..new"), 0);
    assert_int_equal(rename(AREA "/src/..new", AREA "/src/..data"), 0);
    assert_int_equal(as_worker(dir_of(folders, 0), READ, "key", "two"), 0);
}

static void a_source_leads_to_nothing_that_is_open_here(void **state)
{
    AUTO(fd_close) int secret = -1;
    struct folders *folders = NULL;
    char target[64];

    (void)state;
    assert_int_equal(mkdir(AREA "/secret", 0700), 0);
    secret = open(AREA "/secret", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(target, sizeof(target), "/proc/self/fd/%d", secret);
    assert_int_equal(rmdir(AREA "/src"), 0);
    assert_int_equal(symlink(target, AREA "/src"), 0);
    assert_true(open_one(true, 0, &folders) < 0);
    assert_non_null(strstr(why.text, AREA "/src"));
    assert_int_equal(unlink(AREA "/src"), 0);
    assert_int_equal(symlink("secret", AREA "/src"), 0);
    assert_int_equal(open_one(true, 0, &folders), 0);
    folders = folders_close(folders);
}

static void a_source_that_is_missing_is_named(void **state)
{
    struct folders *folders = NULL;

    (void)state;
    assert_int_equal(rmdir(AREA "/src"), 0);
    assert_true(open_one(true, 0, &folders) < 0);
    assert_null(folders);
    assert_int_equal(why.kind, FAULT_NOT_FOUND);
    assert_string_equal(why.text, "mount /data: open " AREA "/src: No such file or directory");
}

static void what_is_neither_folder_nor_file_is_refused(void **state)
{
    struct folders *folders = NULL;

    (void)state;
    assert_int_equal(rmdir(AREA "/src"), 0);
    assert_int_equal(mkfifo(AREA "/src", 0666), 0);
    assert_true(open_one(true, 0, &folders) < 0);
    assert_string_equal(why.text, "mount /data: " AREA "/src is neither a folder nor a file");
}

/* Overlayfs cannot map owners. */
static bool overlay(mode_t mode)
{
    assert_int_equal(mkdir(AREA "/lower", 0755), 0);
    assert_int_equal(mkdir(AREA "/upper", mode), 0);
    assert_int_equal(mkdir(AREA "/work", 0755), 0);
    write_file(AREA "/lower/file", "layer", 0644);
    return mount("o", AREA "/src", "overlay", 0,
                 "lowerdir=" AREA "/lower,upperdir=" AREA "/upper,workdir=" AREA "/work") == 0;
}

static void a_file_system_without_maps_keeps_its_owners(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;

    (void)state;
    if (!overlay(0755)) {
        skip();
    }
    assert_int_equal(open_one(true, 0, &folders), 0);
    assert_int_equal(as_worker(dir_of(folders, 0), READ, "file", "layer"), 0);
    assert_int_equal(as_user(0, dir_of(folders, 0), WRITE, "file", "x"), EROFS);
}

static void a_folder_that_the_worker_cannot_read_is_named(void **state)
{
    struct folders *folders = NULL;

    (void)state;
    if (!overlay(0700)) {
        skip();
    }
    assert_true(open_one(true, 0, &folders) < 0);
    assert_string_equal(why.text, "mount /data: read " AREA "/src: Permission denied");
    assert_int_equal(geteuid(), 0);
    write_file(AREA "/still-root", "", 0600);
}

static void a_later_mount_hides_an_earlier_one_of_the_same_name(void **state)
{
    AUTO(folders_close) struct folders *folders = NULL;
    struct grant_folder both[] = {
        {.source = TEXT(AREA "/nowhere"), .guest = TEXT("/data")},
        {.source = TEXT(AREA "/src"), .guest = TEXT("/data"), .read_only = true},
    };
    struct grant grant = grant_of(both, 2, 0);
    struct folders_plan plan = {.grant = &grant, .idmaps = idmaps};

    (void)state;
    assert_int_equal(folders_open(&plan, &folders, &why), 0);
    assert_int_equal(folders_count(folders), 1);
}

static void nothing_is_left_open(void **state)
{
    size_t before;
    struct folders *folders = NULL;

    (void)state;
    assert_int_equal(open_one(true, 0, &folders), 0);
    folders = folders_close(folders);
    before = open_descriptors();
    for (int i = 0; i < 200; i++) {
        assert_int_equal(open_one(true, 0, &folders), 0);
        folders = folders_close(folders);
    }
    assert_int_equal(open_descriptors(), before);
    /* And the source's file system is free again. */
    assert_int_equal(mount("src", AREA "/src", "tmpfs", 0, NULL), 0);
    assert_int_equal(open_one(true, 0, &folders), 0);
    folders = folders_close(folders);
    assert_int_equal(umount(AREA "/src"), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_secret_of_root_is_read_by_the_worker_and_written_by_nobody),
        CASE(mounts_below_a_read_only_folder_are_read_only_too),
        CASE(no_path_leads_out_of_a_folder),
        CASE(what_the_worker_writes_belongs_to_the_owner_of_the_folder),
        CASE(a_task_of_another_user_has_the_rights_of_that_user),
        CASE(a_swap_of_a_config_map_is_seen),
        CASE(a_source_leads_to_nothing_that_is_open_here),
        CASE(a_source_that_is_missing_is_named),
        CASE(what_is_neither_folder_nor_file_is_refused),
        CASE(a_file_system_without_maps_keeps_its_owners),
        CASE(a_folder_that_the_worker_cannot_read_is_named),
        CASE(a_later_mount_hides_an_earlier_one_of_the_same_name),
        CASE(nothing_is_left_open),
    };

    if (!area_make()) {
        return SKIPPED;
    }
    log_open(-1, "test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
