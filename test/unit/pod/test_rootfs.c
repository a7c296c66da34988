/* SPDX-License-Identifier: Apache-2.0 */
/* Options of mounts as containerd gives them; overlays longer than a page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "shim/pod/bundle.h"
#include "shim/pod/rootfs.h"

static void read_options(const char *const *options, size_t count, struct rootfs_flags *ret)
{
    char *copies[16];
    struct fault why = {0};

    for (size_t i = 0; i < count; i++) {
        copies[i] = COPY_TEXT(options[i]);
    }
    assert_int_equal(rootfs_read_options(copies, count, ret, &why), 0);
    for (size_t i = 0; i < count; i++) {
        free(copies[i]);
    }
}

static void options_become_flags_propagation_and_data(void **state)
{
    static const char *const options[] = {"rw", "rbind", "nosuid", "ro", "rslave",
                                          "index=off", "X-containerd.loop", "workdir=/w"};
    struct rootfs_flags how;

    (void)state;
    read_options(options, ARRAY_SIZE(options), &how);
    assert_int_equal(how.set, MS_BIND | MS_REC | MS_NOSUID | MS_RDONLY);
    assert_int_equal(how.propagation, MS_SLAVE | MS_REC);
    assert_string_equal(how.data, "index=off,workdir=/w");
    free(how.data);
}

static void options_that_are_too_long_are_named(void **state)
{
    char *long_one = calloc(1, 300 * 1024);
    struct rootfs_flags how;
    struct fault why = {0};

    (void)state;
    assert_non_null(long_one);
    memset(long_one, 'a', 300 * 1024 - 1);
    assert_true(rootfs_read_options(&long_one, 1, &how, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    assert_non_null(strstr(why.text, "options of a mount"));
    free(long_one);
}

static void a_later_option_takes_an_earlier_one_back(void **state)
{
    static const char *const options[] = {"ro", "noexec", "exec", "rw"};
    struct rootfs_flags how;

    (void)state;
    read_options(options, ARRAY_SIZE(options), &how);
    assert_int_equal(how.set, 0);
    assert_string_equal(how.data, "");
    free(how.data);
}

static void lower_folders_are_named_from_their_common_folder(void **state)
{
    char *dir = NULL;
    char *data = NULL;

    (void)state;
    rootfs_shorten("index=off,lowerdir=/var/lib/s/12/fs:/var/lib/s/13/fs,upperdir=/var/lib/u", &dir,
                   &data);
    assert_string_equal(dir, "/var/lib/s/");
    assert_string_equal(data, "index=off,lowerdir=12/fs:13/fs,upperdir=/var/lib/u");
    free(dir);
    free(data);
    rootfs_shorten("lowerdir=/a/1:/b/2", &dir, &data);
    assert_string_equal(dir, "/");
    assert_string_equal(data, "lowerdir=/a/1:/b/2");
    free(dir);
    free(data);
    rootfs_shorten("upperdir=/x", &dir, &data);
    assert_string_equal(dir, "/");
    free(dir);
    free(data);
    rootfs_shorten("lowerdir=/s/1", &dir, &data);
    assert_string_equal(dir, "/s/");
    assert_string_equal(data, "lowerdir=1");
    free(dir);
    free(data);
}

static void a_component_is_found_only_inside_its_root(void **state)
{
    char root[] = "/tmp/skep-rootfs-XXXXXX";
    char path[128];
    struct fault why = {0};
    FILE *file = NULL;
    int component = -1;

    (void)state;
    assert_non_null(mkdtemp(root));
    (void)snprintf(path, sizeof(path), "%s/app", root);
    assert_int_equal(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/app/x.wasm", root);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(bundle_open_component(root, "/app", "x.wasm", &component, &why), 0);
    (void)close(component);
    assert_int_equal(bundle_open_component(root, "/", "/app/x.wasm", &component, &why), 0);
    (void)close(component);
    assert_true(bundle_open_component(root, "/", "x.wasm", &component, &why) < 0);
    assert_int_equal(why.kind, FAULT_NOT_FOUND);
    assert_true(bundle_open_component(root, NULL, "/app", &component, &why) < 0);
    assert_int_equal(why.kind, FAULT_INVALID);
    assert_true(bundle_open_component(root, NULL, "../../../../etc/passwd", &component, &why) < 0);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/passwd", root);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_true(bundle_open_component(root, NULL, "passwd", &component, &why) < 0);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/app", root);
    (void)rmdir(path);
    (void)rmdir(root);
}

static void a_message_replaces_what_the_file_held_and_follows_no_link(void **state)
{
    char folder[] = "/tmp/skep-message-XXXXXX";
    char path[64];
    char link[64];
    char held[64] = "";
    FILE *file = NULL;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/log", folder);
    (void)snprintf(link, sizeof(link), "%s/link", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("something that was there before", file);
    (void)fclose(file);
    assert_int_equal(bundle_write_message(path, "trapped: unreachable"), 0);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(held, sizeof(held), file));
    (void)fclose(file);
    assert_string_equal(held, "trapped: unreachable");
    assert_int_equal(symlink(path, link), 0);
    assert_true(bundle_write_message(link, "x") < 0);
    assert_true(bundle_write_message(folder, "x") < 0);
    (void)unlink(link);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void a_target_that_climbs_out_of_the_bundle_is_refused(void **state)
{
    static char type[] = "bind";
    static char source[] = "/nonexistent";
    static char targets[][16] = {"..", "/..", "/a/../../b"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        struct rootfs_mount row = {.type = type, .source = source, .target = targets[i]};
        const struct rootfs_mounts mounts = {.at = &row, .count = 1};
        const struct rootfs_owner owner = {0};
        struct fault why = {0};

        assert_true(rootfs_mount_all("/nonexistent-bundle", &mounts, &owner, &why) < 0);
        assert_non_null(strstr(why.text, "no usable target"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_become_flags_propagation_and_data),
        cmocka_unit_test(options_that_are_too_long_are_named),
        cmocka_unit_test(a_later_option_takes_an_earlier_one_back),
        cmocka_unit_test(lower_folders_are_named_from_their_common_folder),
        cmocka_unit_test(a_component_is_found_only_inside_its_root),
        cmocka_unit_test(a_message_replaces_what_the_file_held_and_follows_no_link),
        cmocka_unit_test(a_target_that_climbs_out_of_the_bundle_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
