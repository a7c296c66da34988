/* SPDX-License-Identifier: Apache-2.0 */
/* An image's root file system as its container's user sees it: the worker. */
#include "area.h"

#include "runtime/broker/overlay.h"

static struct idmaps *idmaps;

static int set_up(void **state)
{
    static const char *const folders[] = {AREA "/low", AREA "/top",       AREA "/s",    AREA "/s/fs",
                                          AREA "/s/work", AREA "/target", AREA "/place"};

    (void)state;
    area_clear();
    idmaps = idmaps_new(WORKER);
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        assert_int_equal(mkdir(folders[i], 0755), 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    idmaps = idmaps_free(idmaps);
    return 0;
}

static int mount_it(const char *data, int64_t user)
{
    AUTO(fd_close) int owners = -1;
    const struct overlay_plan plan = {
        .target = AREA "/target", .data = data, .place = AREA "/place"};
    struct overlay_plan with = plan;

    assert_int_equal(idmaps_open(idmaps, (uint32_t)user, (uint32_t)user, &owners, &why), 0);
    with.owners = owners;
    return overlay_mount(&with);
}

static int target_open(void)
{
    int dir = open(AREA "/target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(dir >= 0);
    return dir;
}

static bool place_is_empty(void)
{
    return rmdir(AREA "/place") == 0;
}

static void what_root_owns_in_the_image_is_the_workers(void **state)
{
    AUTO(fd_close) int dir = -1;
    struct stat status;

    (void)state;
    write_file(AREA "/low/secret", "s3", 0600);
    assert_int_equal(mount_it("lowerdir=" AREA "/top:" AREA "/low,upperdir=" AREA
                              "/s/fs,workdir=" AREA "/s/work",
                              0),
                     0);
    dir = target_open();
    assert_int_equal(as_worker(dir, READ, "secret", "s3"), 0);
    assert_int_equal(as_worker(dir, CREATE, "new", NULL), 0);
    assert_int_equal(as_worker(dir, WRITE, "secret", "s4"), 0);
    assert_int_equal(as_user(WORKER + 1, dir, READ, "secret", "s4"), EACCES);
    /* On disk all of it is root's, and the image's layer is as it was. */
    assert_int_equal(stat(AREA "/s/fs/new", &status), 0);
    assert_int_equal(status.st_uid, 0);
    assert_int_equal(stat(AREA "/s/fs/secret", &status), 0);
    assert_int_equal(status.st_uid, 0);
    assert_true(place_is_empty());
}

static void another_user_of_the_image_can_be_the_worker(void **state)
{
    AUTO(fd_close) int dir = -1;

    (void)state;
    write_file(AREA "/low/mine", "m", 0600);
    assert_int_equal(chown(AREA "/low/mine", 1000, 1000), 0);
    write_file(AREA "/low/roots", "r", 0600);
    assert_int_equal(mount_it("lowerdir=" AREA "/low:" AREA "/top", 1000), 0);
    dir = target_open();
    assert_int_equal(as_worker(dir, READ, "mine", "m"), 0);
    assert_int_equal(as_worker(dir, READ, "roots", "r"), EACCES);
}

static void two_hundred_layers_fit(void **state)
{
    struct buf data = BUF(65536);
    AUTO(fd_close) int dir = -1;
    char path[64];

    (void)state;
    buf_print(&data, "index=off,lowerdir=");
    for (int i = 0; i < 200; i++) {
        (void)snprintf(path, sizeof(path), AREA "/s/a-layer-with-a-long-name-%d", i);
        assert_int_equal(mkdir(path, 0755), 0);
        buf_print(&data, "%s%s", i > 0 ? ":" : "", path);
    }
    buf_put_u8(&data, 0);
    write_file(AREA "/s/a-layer-with-a-long-name-199/deep", "d", 0600);
    assert_int_equal(mount_it((const char *)data.data, 0), 0);
    buf_fini(&data);
    dir = target_open();
    assert_int_equal(as_worker(dir, READ, "deep", "d"), 0);
}

static void options_of_another_form_leave_nothing_behind(void **state)
{
    static const char *const odd[] = {
        "",
        "upperdir=/x,workdir=/y",
        "lowerdir=relative:" AREA "/low",
        "lowerdir=" AREA "/low\\:colon",
        "lowerdir=" AREA "/low:" AREA "/nowhere",
        "lowerdir=" AREA "/low,upperdir=" AREA "/s/fs,workdir=" AREA "/top",
        "lowerdir=" AREA "/low:" AREA "/top,nonsense=1",
    };
    AUTO(fd_close) int dir = -1;

    (void)state;
    write_file(AREA "/low/file", "f", 0644);
    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        assert_true(mount_it(odd[i], 0) < 0);
    }
    dir = target_open();
    assert_int_equal(as_user(0, dir, READ, "file", "f"), ENOENT);
    assert_true(place_is_empty());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_root_owns_in_the_image_is_the_workers, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(another_user_of_the_image_can_be_the_worker, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_hundred_layers_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_of_another_form_leave_nothing_behind, set_up,
                                        tear_down),
    };

    if (!area_make()) {
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
