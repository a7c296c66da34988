/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "k8s/installer/toml.h"

static int facts_of(const char *file, struct toml_facts *ret, struct fault *why)
{
    return toml_read(text_of(file), "config.toml", ret, why);
}

static void the_root_table_is_read(void **state)
{
    static const struct row {
        const char *file;
        int64_t version;
        const char *imports[3];
    } rows[] = {
        {"", 0, {NULL}},
        {"# nothing\n", 0, {NULL}},
        {"version = 2\n", 2, {NULL}},
        {"version=3", 3, {NULL}},
        {"\"version\" = 3 # three\r\nroot = '/a'\r\n", 3, {NULL}},
        {"imports = ['/a/*.toml']\nversion = 3\n", 3, {"/a/*.toml"}},
        {"imports = [ \"/a\", # one\n  '/b', # \"not\"\n  ]\nversion = 2\n", 2, {"/a", "/b"}},
        {"imports = []\n", 0, {NULL}},
        /* What looks like it, and is something else. */
        {"note = '''\nversion = 9\n'''\nversion = 3\n", 3, {NULL}},
        {"note = \"a \\\" version = 9\"\nversion = 3\n", 3, {NULL}},
        {"[plugins]\nversion = 9\nimports = ['/x']\n", 0, {NULL}},
        {"a.version = 9\nlist = [[1, 2], {version = 9}]\nversion = 2\n", 2, {NULL}},
        {"disabled_plugins = [\n]\nversion = 2\n[grpc]\n", 2, {NULL}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct toml_facts facts;
        struct fault why = {0};
        size_t count = 0;

        assert_int_equal(facts_of(rows[i].file, &facts, &why), 0);
        assert_int_equal(facts.version, rows[i].version);
        for (; rows[i].imports[count]; count++) {
            assert_string_equal(facts.imports[count], rows[i].imports[count]);
        }
        assert_int_equal(facts.imports_count, count);
    }
}

static void what_cannot_be_understood_is_refused(void **state)
{
    static const struct row {
        const char *file;
        const char *words;
    } rows[] = {
        {"version\n", "no \"=\""},
        {"version = two\n", "version must be a number"},
        {"version = 0\n", "version must be a number"},
        {"version = 2 3\n", "something follows"},
        {"a =\n", "a value is missing"},
        {"a = ", "a value does not end"},
        {"a = [1, 2\n", "a value does not end"},
        {"a = 'b\n", "a string does not end"},
        {"a = \"\\", "a string does not end"},
        {"imports = '/a'\n", "imports must be a list"},
        {"imports = ['']\n", "1 to 1023 bytes"},
        {"imports = [\"\\u002f\"]\n", "holds an escape"},
        {"{{ template \"base\" . }}\nversion = 3\n", "is a template"},
        {"a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
         "too deep"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct toml_facts facts;
        struct fault why = {0};

        assert_true(facts_of(rows[i].file, &facts, &why) < 0);
        assert_non_null(strstr(why.text, "config.toml"));
        assert_non_null(strstr(why.text, rows[i].words));
    }
}

static void too_many_imports_are_refused(void **state)
{
    AUTO(buf_fini) struct buf file = BUF(4096);
    struct toml_facts facts;
    struct fault why = {0};

    (void)state;
    buf_print(&file, "imports = [");
    for (int i = 0; i <= TOML_IMPORTS_MAX; i++) {
        buf_print(&file, "'/%d',", i);
    }
    buf_print(&file, "]\n");
    assert_true(toml_read((struct text){(const char *)file.data, file.length}, "f", &facts, &why) <
                0);
    assert_int_equal(why.kind, FAULT_LIMIT);
}

static const char dump[] = "imports = ['/etc/containerd/conf.d/skep.toml']\n"
                           "version = 3\n"
                           "[plugins]\n"
                           "  [plugins.'x']\n"
                           "    [plugins.'x'.containerd]\n"
                           "      [plugins.'x'.containerd.runtimes]\n"
                           "        [plugins.'x'.containerd.runtimes.runc]\n"
                           "          imports = 1\n"
                           "        [plugins.'x'.containerd.runtimes.skep]\n"
                           "          runtime_type = 'io.containerd.skep.v2'\n"
                           "          [plugins.'x'.containerd.runtimes.skep.options]\n"
                           "            a = 1\n"
                           "        [plugins.\"x\".containerd.runtimes.\"skep-shared\"]\n"
                           "          b = 1\n"
                           "        [plugins.'x'.containerd.runtimes.skepper]\n"
                           "          c = 1\n"
                           "[timeouts]\n"
                           "  d = 1\n";

static void our_tables_are_left_out_of_a_dump(void **state)
{
    static const char *const ours[] = {"skep", "skep-shared", NULL};
    static const char rest[] = "version = 3\n"
                               "[plugins]\n"
                               "  [plugins.'x']\n"
                               "    [plugins.'x'.containerd]\n"
                               "      [plugins.'x'.containerd.runtimes]\n"
                               "        [plugins.'x'.containerd.runtimes.runc]\n"
                               "        [plugins.'x'.containerd.runtimes.skepper]\n"
                               "          c = 1\n"
                               "[timeouts]\n"
                               "  d = 1\n";
    AUTO(buf_fini) struct buf found = BUF(TOML_FILE_MAX);

    (void)state;
    assert_int_equal(toml_rest(text_of(dump), ours, &found), 2);
    assert_int_equal(found.length, strlen(rest));
    assert_memory_equal(found.data, rest, found.length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_table_is_read),
        cmocka_unit_test(what_cannot_be_understood_is_refused),
        cmocka_unit_test(too_many_imports_are_refused),
        cmocka_unit_test(our_tables_are_left_out_of_a_dump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
