/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts below a root file system whose image would like them to be elsewhere. AREA "/node" stands
 * for the node's folders, AREA "/image" is the image: its links are followed as if it were "/".
 */
#include "test/privileged/broker/area.h"

#include <sys/statvfs.h>

#include "shim/pod/rootfs.h"

#define BUNDLE AREA "/bundle"
#define ROOTFS BUNDLE "/rootfs"

static char *bind_options[] = {TEXT("rbind"), TEXT("ro"), TEXT("rprivate")};
static char *image_options[] = {TEXT("rbind")};

static int set_up(void **state)
{
    static const char *const folders[] = {
        AREA "/node",      AREA "/more",          AREA "/image",
        AREA "/image/tmp", AREA "/image/tmp/skep-area", AREA "/image/tmp/skep-area/node",
        AREA "/image/dir", BUNDLE,                ROOTFS,
    };

    (void)state;
    area_clear();
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        assert_int_equal(mkdir(folders[i], 0755), 0);
    }
    write_file(AREA "/node/secret", "of the node", 0600);
    write_file(AREA "/more/mark", "mounted", 0644);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rootfs_unmount(BUNDLE);
    return 0;
}

/* The image, and a second mount at @target in it. Return: as of rootfs_mount_all(). */
static int mount_second(char *type, char *source, char *target)
{
    struct rootfs_mount rows[] = {
        {.type = TEXT("bind"), .source = TEXT(AREA "/image"), .target = TEXT(""),
         .options = image_options, .options_count = 1},
        {.type = type, .source = source, .target = target,
         .options = bind_options,
         .options_count = strcmp(type, "bind") == 0 ? ARRAY_SIZE(bind_options) : 0},
    };
    const struct rootfs_mounts mounts = {.at = rows, .count = ARRAY_SIZE(rows)};
    const struct rootfs_owner owner = {0};

    return rootfs_mount_all(BUNDLE, &mounts, &owner, &why);
}

static bool is_read_only(const char *path)
{
    struct statvfs found;

    assert_int_equal(statvfs(path, &found), 0);
    return (found.f_flag & ST_RDONLY) != 0;
}

/* Whether the node's folder is as it was: nothing is mounted over it, and it can be written. */
static bool node_is_untouched(void)
{
    return access(AREA "/node/secret", F_OK) == 0 && !is_read_only(AREA "/node");
}

static void an_absolute_link_leads_to_a_folder_of_the_image(void **state)
{
    (void)state;
    assert_int_equal(symlink(AREA "/node", AREA "/image/link"), 0);
    assert_int_equal(mount_second(TEXT("bind"), TEXT(AREA "/more"), TEXT("/link")), 0);
    assert_true(node_is_untouched());
    assert_int_equal(access(ROOTFS AREA "/node/mark", F_OK), 0);
    assert_true(is_read_only(ROOTFS AREA "/node"));
    assert_false(is_read_only(ROOTFS));
}

static void a_link_in_the_middle_of_the_target_stays_inside(void **state)
{
    (void)state;
    assert_int_equal(symlink(AREA, AREA "/image/link"), 0);
    assert_int_equal(mount_second(TEXT("tmpfs"), TEXT("tmpfs"), TEXT("/link/node")), 0);
    assert_true(node_is_untouched());
}

static void a_link_that_climbs_ends_at_the_root_of_the_image(void **state)
{
    (void)state;
    assert_int_equal(symlink("../../../../../../../.." AREA "/node", AREA "/image/link"), 0);
    assert_int_equal(mount_second(TEXT("tmpfs"), TEXT("tmpfs"), TEXT("link")), 0);
    assert_true(node_is_untouched());
    assert_int_equal(rmdir(ROOTFS AREA "/node"), -1);
    assert_int_equal(errno, EBUSY);
}

static void a_link_to_what_the_image_has_not_is_an_error_and_nothing_stays(void **state)
{
    (void)state;
    assert_int_equal(symlink(AREA "/more", AREA "/image/link"), 0);
    assert_true(mount_second(TEXT("bind"), TEXT(AREA "/node"), TEXT("/link")) < 0);
    assert_int_equal(access(AREA "/more/mark", F_OK), 0);
    assert_int_equal(access(ROOTFS "/dir", F_OK), -1);
}

static void a_plain_target_is_mounted_read_only_where_it_is(void **state)
{
    (void)state;
    assert_int_equal(mount_second(TEXT("bind"), TEXT(AREA "/more"), TEXT("/dir")), 0);
    assert_int_equal(access(ROOTFS "/dir/mark", F_OK), 0);
    assert_true(is_read_only(ROOTFS "/dir"));
    assert_false(is_read_only(AREA "/more"));
    assert_false(is_read_only(ROOTFS));
    rootfs_unmount(BUNDLE);
    assert_int_equal(access(ROOTFS "/dir", F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_absolute_link_leads_to_a_folder_of_the_image, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_link_in_the_middle_of_the_target_stays_inside, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_link_that_climbs_ends_at_the_root_of_the_image, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_link_to_what_the_image_has_not_is_an_error_and_nothing_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plain_target_is_mounted_read_only_where_it_is, set_up,
                                        tear_down),
    };

    if (!area_make()) {
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
