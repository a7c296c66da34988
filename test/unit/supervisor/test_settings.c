/* SPDX-License-Identifier: Apache-2.0 */
/* What a node's administrator writes, and what is wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/fs.h"
#include "runtime/supervisor/settings.h"

static int read_words(const char *words, struct settings *ret, struct fault *why)
{
    char path[] = "/tmp/skep-settings-XXXXXX";
    int file = mkstemp(path);
    int done;

    assert_true(file >= 0);
    assert_int_equal(fs_write_all(file, words, strlen(words)), 0);
    assert_int_equal(close(file), 0);
    assert_int_equal(setenv("SKEP_CONFIG", path, 1), 0);
    done = settings_read(ret, why);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unsetenv("SKEP_CONFIG"), 0);
    return done;
}

static void accepted_walls_are_listed(void **state)
{
    struct settings settings;
    struct fault why = {0};

    (void)state;
    assert_int_equal(
        read_words("{\"walls\": {\"accept_missing\": [\"landlock\", \"root\"]}}", &settings, &why), 0);
    assert_string_equal(settings.accept, "landlock,root");
    assert_int_equal(read_words("{\"walls\": {}}", &settings, &why), 0);
    assert_string_equal(settings.accept, "");
    assert_int_equal(read_words("{}", &settings, &why), 0);
    assert_string_equal(settings.accept, "");
    assert_int_equal(settings.compile_memory_bytes, 0);
    assert_int_equal(
        read_words("{\"compiler\": {\"memory_bytes\": 1073741824}}", &settings, &why), 0);
    assert_int_equal(settings.compile_memory_bytes, 1073741824);
    assert_int_equal(settings.compile_cpu_seconds, 0);
}

static void an_engine_is_sized(void **state)
{
    struct settings settings;
    struct fault why = {0};

    (void)state;
    assert_int_equal(read_words("{\"engine\": {\"threads\": 256}}", &settings, &why), 0);
    assert_int_equal(settings.threads, 256);
    assert_int_equal(settings.instances, 0);
    assert_int_equal(read_words("{\"engine\": {\"instances\": 20000}}", &settings, &why), 0);
    assert_int_equal(settings.threads, 0);
    assert_int_equal(settings.instances, 20000);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *words;
        const char *named;
    } rows[] = {
        {"[]", "must be an object"},
        {"{\"wals\": {}}", "no member \"wals\""},
        {"{\"walls\": []}", "walls must be"},
        {"{\"walls\": {\"accept\": []}}", "no member \"accept\""},
        {"{\"walls\": {\"accept_missing\": \"root\"}}", "walls.accept_missing must be"},
        {"{\"walls\": {\"accept_missing\": [1]}}", "accept_missing[0]"},
        {"{\"walls\": {\"accept_missing\": [\"\"]}}", "accept_missing[0]"},
        {"{\"walls\": {\"accept_missing\": [\"a,b\"]}}", "accept_missing[0]"},
        {"{\"walls\": {\"accept_missing\": [\"rot\"]}}", "no wall \"rot\""},
        {"{\"compiler\": {\"memory_bytes\": 1}}", "compiler.memory_bytes must be"},
        {"{\"compiler\": {\"cpu_seconds\": 4000}}", "compiler.cpu_seconds must be"},
        {"{\"compiler\": {\"cpu_second\": 4}}",
         "no member \"cpu_second\", only \"memory_bytes\" and \"cpu_seconds\""},
        {"{\"engine\": {\"threads\": 0}}", "engine.threads must be"},
        {"{\"engine\": {\"threads\": 257}}", "engine.threads must be"},
        {"{\"engine\": {\"instances\": 20001}}", "engine.instances must be"},
        {"{\"engine\": {\"threads\": \"two\"}}", "engine.threads must be"},
        {"{\"engine\": {\"thread\": 2}}",
         "no member \"thread\", only \"threads\" and \"instances\""},
        {"{", "skep-settings-"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct settings settings;
        struct fault why = {0};

        assert_true(read_words(rows[i].words, &settings, &why) < 0);
        if (!strstr(why.text, rows[i].named)) {
            fail_msg("%s: %s", rows[i].words, why.text);
        }
    }
}

static void a_file_that_was_named_must_be_there(void **state)
{
    struct settings settings;
    struct fault why = {0};

    (void)state;
    assert_int_equal(setenv("SKEP_CONFIG", "/nowhere/skep.json", 1), 0);
    assert_true(settings_read(&settings, &why) < 0);
    assert_non_null(strstr(why.text, "/nowhere/skep.json"));
    assert_int_equal(unsetenv("SKEP_CONFIG"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_walls_are_listed),
        cmocka_unit_test(an_engine_is_sized),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_file_that_was_named_must_be_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
