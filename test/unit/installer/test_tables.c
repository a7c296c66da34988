/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "k8s/installer/config.h"

#define MAIN "/etc/containerd/config.toml"

static int plan_of(const char *import, int64_t version, int containerd, struct config_plan *ret)
{
    struct toml_facts facts = {.version = version, .imports_count = import ? 1 : 0};
    const struct config_question question = {
        .path = MAIN, .facts = version < 0 ? NULL : &facts, .containerd = containerd};
    struct fault why = {0};

    (void)snprintf(facts.imports[0], sizeof(facts.imports[0]), "%s", import ? import : "");
    return config_plan_make(&question, ret, &why);
}

static void the_place_follows_from_version_and_imports(void **state)
{
    static const struct row {
        const char *import;
        int64_t version; /* -1: there is no file */
        int containerd;
        int way; /* -1: refused */
        const char *path;
    } rows[] = {
        {"/etc/containerd/conf.d/*.toml", 3, 2, CONFIG_DROP_IN, "/etc/containerd/conf.d/skep.toml"},
        {"/etc/containerd/conf.d/*.toml", 2, 2, CONFIG_DROP_IN, "/etc/containerd/conf.d/skep.toml"},
        {"conf.d/*.toml", 3, 2, CONFIG_DROP_IN, "/etc/containerd/conf.d/skep.toml"},
        {"*.toml", 3, 2, CONFIG_DROP_IN, "/etc/containerd/skep.toml"},
        {"/x/*", 4, 2, CONFIG_DROP_IN, "/x/skep.toml"},
        {"/x/skep.toml", 3, 2, CONFIG_DROP_IN, "/x/skep.toml"},
        /* Read, but not from a place of ours. */
        {"/x/other.toml", 3, 2, CONFIG_BLOCK, MAIN},
        {"/*/conf.d/*.toml", 3, 2, CONFIG_BLOCK, MAIN},
        {NULL, 3, 2, CONFIG_BLOCK, MAIN},
        {"/etc/containerd/conf.d/*.toml", 2, 1, CONFIG_BLOCK, MAIN},
        {NULL, -1, 1, CONFIG_NEW, MAIN},
        {NULL, -1, 2, CONFIG_NEW, MAIN},
        {NULL, 0, 2, -1, NULL},
        {NULL, 1, 1, -1, NULL},
        {NULL, 3, 1, -1, NULL},
        {NULL, 5, 2, -1, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct config_plan plan;
        int done = plan_of(rows[i].import, rows[i].version, rows[i].containerd, &plan);

        assert_int_equal(done, rows[i].way < 0 ? -1 : 0);
        if (done == 0) {
            assert_int_equal(plan.way, rows[i].way);
            assert_string_equal(plan.path, rows[i].path);
            assert_int_equal(plan.version, rows[i].version > 0      ? rows[i].version
                                           : rows[i].containerd > 1 ? 3
                                                                    : 2);
        }
    }
}

static void tables_are_of_the_files_version(void **state)
{
    AUTO(buf_fini) struct buf two = BUF(4096);
    AUTO(buf_fini) struct buf three = BUF(4096);

    (void)state;
    config_put_tables(2, "/opt/skep/current/bin", &two);
    config_put_tables(3, "/opt/skep/current/bin", &three);
    buf_put_u8(&two, 0);
    buf_put_u8(&three, 0);
    assert_non_null(strstr((char *)two.data,
                           "[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.skep]\n"
                           "  runtime_type = 'io.containerd.skep.v2'\n"
                           "  runtime_path = '/opt/skep/current/bin/containerd-shim-skep-v2'\n"));
    assert_non_null(
        strstr((char *)three.data,
               "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.skep-isolated]\n"
               "  runtime_type = 'io.containerd.skep-isolated.v2'\n"));
    assert_null(strstr((char *)three.data, "grpc.v1.cri"));
}

static void a_block_leaves_no_trace(void **state)
{
    static const char *const files[] = {"",
                                        "version = 2\n",
                                        "version = 2",
                                        "version = 2\r\n",
                                        "a\n\n",
                                        "# BEGIN skepper\na\n# END skep\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        const struct config_plan plan = {.way = CONFIG_BLOCK, .version = 2};
        AUTO(buf_fini) struct buf with = BUF(8192);
        AUTO(buf_fini) struct buf without = BUF(8192);
        struct fault why = {0};

        config_add_block(text_of(files[i]), &plan, "/opt/skep/current/bin", &with);
        assert_true(with.length > strlen(files[i]) + 100);
        assert_int_equal(
            config_strip_block((struct text){(char *)with.data, with.length}, "f", &without, &why),
            CONFIG_HAD_BLOCK);
        assert_int_equal(without.length, strlen(files[i]));
        assert_true(without.length == 0 || memcmp(without.data, files[i], without.length) == 0);
    }
}

static void what_others_write_around_a_block_stays(void **state)
{
    const struct config_plan plan = {.way = CONFIG_BLOCK, .version = 2};
    AUTO(buf_fini) struct buf with = BUF(8192);
    AUTO(buf_fini) struct buf without = BUF(8192);
    struct fault why = {0};

    (void)state;
    buf_print(&with, "# first\n");
    config_add_block(text_of("version = 2"), &plan, "/opt", &with);
    buf_print(&with, "[more]\na = 1\n");
    assert_int_equal(
        config_strip_block((struct text){(char *)with.data, with.length}, "f", &without, &why),
        CONFIG_HAD_BLOCK);
    buf_put_u8(&without, 0);
    assert_string_equal(without.data, "# first\nversion = 2\n[more]\na = 1\n");
}

static void a_new_file_is_known_again(void **state)
{
    const struct config_plan plan = {.way = CONFIG_NEW, .version = 3};
    AUTO(buf_fini) struct buf with = BUF(8192);
    AUTO(buf_fini) struct buf without = BUF(8192);
    struct toml_facts facts;
    struct fault why = {0};

    (void)state;
    config_add_block(text_of(""), &plan, "/opt", &with);
    assert_int_equal(toml_read((struct text){(char *)with.data, with.length}, "f", &facts, &why),
                     0);
    assert_int_equal(facts.version, 3);
    assert_int_equal(
        config_strip_block((struct text){(char *)with.data, with.length}, "f", &without, &why),
        CONFIG_WAS_NEW);
    assert_int_equal(without.length, 0);
    /* Somebody has added to it: the file stays. */
    buf_print(&with, "[more]\n");
    assert_int_equal(
        config_strip_block((struct text){(char *)with.data, with.length}, "f", &without, &why),
        CONFIG_HAD_BLOCK);
    assert_int_equal(without.length, strlen("[more]\n"));
}

static void half_a_block_is_refused(void **state)
{
    AUTO(buf_fini) struct buf without = BUF(8192);
    struct fault why = {0};

    (void)state;
    assert_true(config_strip_block(text_of("a\n# BEGIN skep: written by skep-install; x\nb\n"), "f",
                                   &without, &why) < 0);
    assert_int_equal(why.kind, FAULT_STATE);
}

static void containerds_version_is_read(void **state)
{
    static const struct row {
        const char *line;
        int major; /* 0: refused */
    } rows[] = {
        {"containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n", 1},
        {"containerd github.com/containerd/containerd v1.7.27 05044ec\n", 1},
        {"containerd github.com/containerd/containerd/v2 2.1.9+unknown \n", 2},
        {"containerd containerd.io v2.0.4 1a43cb6\n", 2},
        {"containerd\n", 0},
        {"containerd a b\n", 0},
        {"cri-o a 1.2\n", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fault why = {0};
        int major = 0;

        assert_int_equal(config_major(text_of(rows[i].line), &major, &why),
                         rows[i].major > 0 ? 0 : -1);
        assert_int_equal(major, rows[i].major);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_place_follows_from_version_and_imports),
        cmocka_unit_test(tables_are_of_the_files_version),
        cmocka_unit_test(a_block_leaves_no_trace),
        cmocka_unit_test(what_others_write_around_a_block_stays),
        cmocka_unit_test(a_new_file_is_known_again),
        cmocka_unit_test(half_a_block_is_refused),
        cmocka_unit_test(containerds_version_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
