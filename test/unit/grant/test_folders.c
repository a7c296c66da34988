/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the policy that are about mounts. */
#include "test/unit/grant/decided.h"

static const struct decide_input artifact = {.rootfs = NULL};
static const struct decide_input tar = {.rootfs = "/run/bundle/rootfs"};

static bool ends_in_conf(void *owner, const char *source)
{
    size_t length = strlen(source);

    (void)owner;
    return length > 5 && strcmp(source + length - 5, ".conf") == 0;
}

static const struct decide_input with_files = {.is_file = ends_in_conf};

static void a_bind_becomes_a_folder_at_its_destination(void **state)
{
    AUTO(grant_free) struct grant *grant = granted(
        WITH_MOUNTS("{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"/srv/data\"},"
                    "{\"destination\":\"/secrets/\",\"source\":\"/var//lib/./s\","
                    "\"options\":[\"rbind\",\"rprivate\",\"ro\"]}"),
        &artifact);

    (void)state;
    assert_int_equal(grant->folders_count, 2);
    assert_string_equal(grant->folders[0].source, "/srv/data");
    assert_string_equal(grant->folders[0].guest, "/data");
    assert_false(grant->folders[0].read_only);
    assert_false(grant->folders[0].is_file);
    assert_string_equal(grant->folders[1].source, "/var/lib/s");
    assert_string_equal(grant->folders[1].guest, "/secrets");
    assert_true(grant->folders[1].read_only);
    assert_int_equal(grant->ignored_count, 0);
}

static void the_last_word_on_writing_counts(void **state)
{
    AUTO(grant_free) struct grant *grant = granted(
        WITH_MOUNTS("{\"destination\":\"/a\","
                    "\"source\":\"/a\",\"options\":[\"bind\",\"ro\",\"rw\"]},"
                    "{\"destination\":\"/b\","
                    "\"source\":\"/b\",\"options\":[\"bind\",\"rw\",\"ro\"]},"
                    "{\"destination\":\"/c\",\"source\":\"/c\",\"options\":[\"bind\",\"rro\"]}"),
        &artifact);

    (void)state;
    assert_false(grant->folders[0].read_only);
    assert_true(grant->folders[1].read_only);
    assert_true(grant->folders[2].read_only);
}

static void a_single_file_is_marked(void **state)
{
    AUTO(grant_free) struct grant *grant = granted(
        WITH_MOUNTS("{\"destination\":\"/etc/app/a.conf\",\"type\":\"bind\","
                    "\"source\":\"/s/a.conf\"},"
                    "{\"destination\":\"/etc/app/b.conf\",\"type\":\"bind\","
                    "\"source\":\"/s/b.conf\"}"),
        &with_files);

    (void)state;
    assert_int_equal(grant->folders_count, 2);
    assert_true(grant->folders[0].is_file);
    assert_string_equal(grant->folders[1].guest, "/etc/app/b.conf");
}

static void a_file_may_lie_in_a_folder(void **state)
{
    AUTO(grant_free) struct grant *grant = granted(
        WITH_MOUNTS("{\"destination\":\"/etc/app/a.conf\",\"type\":\"bind\","
                    "\"source\":\"/s/a.conf\"},"
                    "{\"destination\":\"/etc/app\",\"type\":\"bind\",\"source\":\"/s\"}"),
        &with_files);

    (void)state;
    assert_int_equal(grant->folders_count, 2);
    assert_true(grant->folders[0].is_file);
    assert_false(grant->folders[1].is_file);
}

static void the_root_of_a_tar_image_is_a_folder(void **state)
{
    AUTO(grant_free) struct grant *writable =
        granted("{\"process\":{\"args\":[\"/a.wasm\"]},\"root\":{\"path\":\"rootfs\"}}", &tar);
    AUTO(grant_free) struct grant *fixed = granted(
        "{\"process\":{\"args\":[\"/a.wasm\"]},\"root\":{\"path\":\"rootfs\",\"readonly\":true}}",
        &tar);

    (void)state;
    assert_int_equal(writable->folders_count, 1);
    assert_string_equal(writable->folders[0].source, "/run/bundle/rootfs");
    assert_string_equal(writable->folders[0].guest, "/");
    assert_true(writable->folders[0].is_rootfs);
    assert_false(writable->folders[0].read_only);
    assert_true(fixed->folders[0].read_only);
}

static void an_artifact_has_no_root(void **state)
{
    AUTO(grant_free) struct grant *grant =
        granted("{\"process\":{\"args\":[\"a\"]},\"root\":{\"path\":\"rootfs\"}}", &artifact);

    (void)state;
    assert_int_equal(grant->folders_count, 0);
}

static void places_that_are_not_for_components_are_ignored_in_words(void **state)
{
    AUTO(grant_free) struct grant *grant = granted(
        WITH_MOUNTS("{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
                    "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\","
                    "\"source\":\"cgroup\"},"
                    "{\"destination\":\"/run\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},"
                    "{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"/run/shm\"},"
                    "{\"destination\":\"/sys/x\",\"type\":\"bind\",\"source\":\"/x\"},"
                    "{\"destination\":\"/etc/resolv.conf\",\"type\":\"bind\",\"source\":\"/r\"},"
                    "{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"/h\"},"
                    "{\"destination\":\"/etc/hostname\",\"type\":\"bind\",\"source\":\"/n\"}"),
        &artifact);

    (void)state;
    assert_int_equal(grant->folders_count, 0);
    assert_int_equal(grant->ignored_count, 8);
    assert_true(is_ignored(grant, "mount /proc: a component has no file system of type proc"));
    assert_true(is_ignored(grant, "mount /run: a component has no file system of type tmpfs"));
    assert_true(is_ignored(grant, "mount /dev/shm: a component has no devices"));
    assert_true(is_ignored(grant, "mount /sys/x: a component sees no kernel"));
    assert_true(is_ignored(
        grant, "mount /etc/resolv.conf: names are resolved outside of the component"));
}

static void names_that_only_begin_like_special_places_are_folders(void **state)
{
    AUTO(grant_free) struct grant *grant = granted(
        WITH_MOUNTS("{\"destination\":\"/device\",\"type\":\"bind\",\"source\":\"/d\"},"
                    "{\"destination\":\"/procedures\",\"type\":\"bind\",\"source\":\"/p\"},"
                    "{\"destination\":\"/etc/hosts.d\",\"type\":\"bind\",\"source\":\"/h\"}"),
        &artifact);

    (void)state;
    assert_int_equal(grant->folders_count, 3);
}

static void the_termination_log_is_kept_and_no_folder(void **state)
{
    AUTO(grant_free) struct grant *grant =
        granted(WITH_MOUNTS("{\"destination\":\"/dev/termination-log\",\"type\":\"bind\","
                            "\"source\":\"/var/lib/kubelet/pods/u/containers/c/1\"}"),
                &artifact);

    (void)state;
    assert_int_equal(grant->folders_count, 0);
    assert_int_equal(grant->ignored_count, 0);
    assert_string_equal(grant->termination_log, "/var/lib/kubelet/pods/u/containers/c/1");
}

static void mounts_that_make_no_sense_are_refused_by_name(void **state)
{
    static const char *const rows[][2] = {
        {WITH_MOUNTS("{\"destination\":\"/\",\"type\":\"bind\",\"source\":\"/srv\"}"),
         "config.json: mounts: / cannot be a mount: the root is the image's"},
        {WITH_MOUNTS("{\"destination\":\"//.\",\"type\":\"bind\",\"source\":\"/srv\"}"),
         "config.json: mounts: / cannot be a mount: the root is the image's"},
        {WITH_MOUNTS("{\"destination\":\"data\",\"type\":\"bind\",\"source\":\"/srv\"}"),
         "config.json: mounts[0].destination must be an absolute path, not \"data\""},
        {WITH_MOUNTS("{\"destination\":\"/a/../b\",\"type\":\"bind\",\"source\":\"/srv\"}"),
         "config.json: mounts[0].destination must not hold \"..\": /a/../b"},
        {WITH_MOUNTS("{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"srv\"}"),
         "config.json: the source of a mount must be an absolute path, not \"srv\""},
        {WITH_MOUNTS("{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/srv/..\"}"),
         "config.json: the source of a mount must not hold \"..\": /srv/.."},
        {WITH_MOUNTS("{\"destination\":\"/a\",\"type\":\"bind\"}"),
         "config.json: mounts: /a has no source"},
        {WITH_MOUNTS("{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/x\"},"
                     "{\"destination\":\"/a/\",\"type\":\"bind\",\"source\":\"/y\"}"),
         "config.json: mounts: /a is named twice"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_refused(rows[i][0], &artifact, FAULT_INVALID, rows[i][1]);
    }
}

static void more_folders_than_there_may_be_are_a_limit(void **state)
{
    AUTO(buf_fini) struct buf json = BUF(1 << 20);

    (void)state;
    buf_print(&json, "{\"process\":{\"args\":[\"a\"]},\"mounts\":[");
    for (int i = 0; i <= GRANT_FOLDERS_MAX; i++) {
        buf_print(&json, "%s{\"destination\":\"/m%d\",\"type\":\"bind\",\"source\":\"/s\"}",
                  i > 0 ? "," : "", i);
    }
    buf_print(&json, "]}");
    buf_put_u8(&json, 0);
    assert_refused((const char *)json.data, &artifact, FAULT_LIMIT,
                   "config.json: mounts: more than 48 folders and files; at most so many are "
                   "granted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bind_becomes_a_folder_at_its_destination),
        cmocka_unit_test(the_last_word_on_writing_counts),
        cmocka_unit_test(a_single_file_is_marked),
        cmocka_unit_test(a_file_may_lie_in_a_folder),
        cmocka_unit_test(the_root_of_a_tar_image_is_a_folder),
        cmocka_unit_test(an_artifact_has_no_root),
        cmocka_unit_test(places_that_are_not_for_components_are_ignored_in_words),
        cmocka_unit_test(names_that_only_begin_like_special_places_are_folders),
        cmocka_unit_test(the_termination_log_is_kept_and_no_folder),
        cmocka_unit_test(mounts_that_make_no_sense_are_refused_by_name),
        cmocka_unit_test(more_folders_than_there_may_be_are_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
