/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/text.h"
#include "runtime/spec/spec.h"

static const char whole[] =
    "{\"ociVersion\":\"1.2.0\",\"process\":{\"terminal\":false,\"user\":{\"uid\":1000,\"gid\":100},"
    "\"args\":[\"/app.wasm\",\"-v\"],\"env\":[\"A=1\",\"B=\"],\"cwd\":\"/work\","
    "\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[\"CAP_CHOWN\"]},"
    "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"hard\":0,\"soft\":0},"
    "{\"type\":\"RLIMIT_NOFILE\",\"hard\":18446744073709551615,\"soft\":1024}],"
    "\"noNewPrivileges\":true,\"apparmorProfile\":\"p\"},"
    "\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"h\","
    "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\","
    "\"options\":[\"nosuid\"]},{\"destination\":\"/data\",\"source\":\"/srv\"}],"
    "\"annotations\":{\"skep.dev/port\":\"80\",\"other\":\"x\"},"
    "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"/run/n\"}],"
    "\"devices\":[{\"path\":\"/dev/kvm\",\"type\":\"c\",\"major\":10,\"minor\":232}],"
    "\"seccomp\":{},\"sysctl\":{\"a\":\"b\"},"
    "\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
    "{\"allow\":true,\"type\":\"c\",\"major\":1,\"access\":\"rw\"}],"
    "\"memory\":{\"limit\":1048576},\"cpu\":{\"shares\":512,\"quota\":-1,\"period\":100000},"
    "\"pids\":{\"limit\":10}}}}";

static struct spec *parsed(const char *json)
{
    struct spec *spec = NULL;
    struct fault why = {0};

    if (spec_parse(text_of(json), &spec, &why) < 0) {
        fail_msg("%s", why.text);
    }
    return spec;
}

static void assert_refused(const char *json, const char *sentence)
{
    struct spec *spec = NULL;
    struct fault why = {0};

    assert_true(spec_parse(text_of(json), &spec, &why) < 0);
    assert_null(spec);
    assert_string_equal(why.text, sentence);
}

static void the_process_is_read(void **state)
{
    AUTO(spec_free) struct spec *spec = parsed(whole);
    const struct spec_process *process = &spec->process;

    (void)state;
    assert_int_equal(process->args.count, 2);
    assert_string_equal(process->args.at[1], "-v");
    assert_int_equal(process->env.count, 2);
    assert_string_equal(process->env.at[1], "B=");
    assert_string_equal(process->cwd, "/work");
    assert_false(process->terminal);
    assert_int_equal(process->uid, 1000);
    assert_int_equal(process->gid, 100);
    assert_int_equal(process->capabilities.count, 2);
    assert_string_equal(process->capabilities.at[1], "CAP_CHOWN");
    assert_true(process->has_nofile);
    assert_int_equal(process->nofile, 1024);
    assert_string_equal(process->apparmor, "p");
    assert_null(process->selinux);
}

static void the_rest_is_read(void **state)
{
    AUTO(spec_free) struct spec *spec = parsed(whole);

    (void)state;
    assert_string_equal(spec->root_path, "rootfs");
    assert_true(spec->root_readonly);
    assert_string_equal(spec->hostname, "h");
    assert_int_equal(spec->mounts_count, 2);
    assert_string_equal(spec->mounts[0].type, "proc");
    assert_string_equal(spec->mounts[0].options.at[0], "nosuid");
    assert_null(spec->mounts[1].type);
    assert_string_equal(spec->mounts[1].source, "/srv");
    assert_string_equal(spec_annotation(spec, "other"), "x");
    assert_null(spec_annotation(spec, "nothing"));
    assert_null(spec_namespace(spec, "pid")->path);
    assert_string_equal(spec_namespace(spec, "network")->path, "/run/n");
    assert_null(spec_namespace(spec, "user"));
    assert_true(spec->has_namespaces);
    assert_int_equal(spec->devices.count, 1);
    assert_string_equal(spec->devices.at[0], "/dev/kvm");
    assert_int_equal(spec->device_rules_count, 2);
    assert_false(spec->device_rules[0].is_narrow);
    assert_true(spec->device_rules[1].is_narrow);
    assert_int_equal(spec->resources.memory_limit, 1048576);
    assert_int_equal(spec->resources.cpu_shares, 512);
    assert_int_equal(spec->resources.cpu_quota, -1);
    assert_int_equal(spec->resources.cpu_period, 100000);
    assert_int_equal(spec->resources.pids_limit, 10);
    assert_true(spec->has_seccomp);
    assert_false(spec->has_hooks);
    assert_int_equal(spec->sysctls_count, 1);
}

static void little_is_enough(void **state)
{
    AUTO(spec_free) struct spec *spec = parsed("{\"process\":{}}");

    (void)state;
    assert_int_equal(spec->process.args.count, 0);
    assert_null(spec->process.cwd);
    assert_false(spec->has_namespaces);
    assert_int_equal(spec->resources.memory_limit, 0);
}

static void null_counts_as_absent(void **state)
{
    AUTO(spec_free) struct spec *spec =
        parsed("{\"process\":{\"args\":null,\"user\":null},\"linux\":null,\"mounts\":null}");

    (void)state;
    assert_int_equal(spec->process.args.count, 0);
    assert_int_equal(spec->mounts_count, 0);
}

static void wrong_types_are_named_by_path(void **state)
{
    static const char *const rows[][2] = {
        {"[]", "config.json must be an object"},
        {"{}", "config.json.process is missing"},
        {"{\"process\":7}", "config.json.process must be an object, not a whole number"},
        {"{\"process\":{\"args\":{}}}",
         "config.json: process.args must be a list, not an object"},
        {"{\"process\":{\"args\":[\"a\",\"b\",\"c\",[]]}}",
         "config.json: process.args[3] must be a string, not a list"},
        {"{\"process\":{\"env\":[null]}}",
         "config.json: process.env[0] must be a string, not null"},
        {"{\"process\":{\"terminal\":1}}",
         "config.json: process.terminal must be true or false, not a whole number"},
        {"{\"process\":{\"user\":{\"uid\":\"0\"}}}",
         "config.json: process.user.uid must be a whole number, not a string"},
        {"{\"process\":{\"user\":{\"uid\":-1}}}",
         "config.json: process.user.uid must be from 0 to 4294967295, not -1"},
        {"{\"process\":{\"capabilities\":{\"ambient\":[true]}}}",
         "config.json: process.capabilities.ambient[0] must be a string, not true or false"},
        {"{\"process\":{\"rlimits\":[{\"type\":\"X\",\"soft\":1}]}}",
         "config.json: process.rlimits[0].hard is missing"},
        {"{\"process\":{},\"mounts\":[{\"destination\":\"/a\"},{}]}",
         "config.json: mounts[1].destination is missing"},
        {"{\"process\":{},\"mounts\":[\"/a\"]}", "config.json: mounts[0] must be an object"},
        {"{\"process\":{},\"mounts\":[{\"destination\":\"/a\",\"options\":[1]}]}",
         "config.json: mounts[0].options[0] must be a string, not a whole number"},
        {"{\"process\":{},\"root\":{\"readonly\":\"yes\"}}",
         "config.json: root.readonly must be true or false, not a string"},
        {"{\"process\":{},\"annotations\":{\"k\":5}}",
         "config.json: annotations[\"k\"] must be a string, not a whole number"},
        {"{\"process\":{},\"linux\":{\"namespaces\":[{\"path\":\"/x\"}]}}",
         "config.json: linux.namespaces[0].type is missing"},
        {"{\"process\":{},\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]}}",
         "config.json: linux.namespaces[1] names the type pid a second time"},
        {"{\"process\":{},\"linux\":{\"resources\":{\"memory\":{\"limit\":\"64Mi\"}}}}",
         "config.json: linux.resources.memory.limit must be a whole number, not a string"},
        {"{\"process\":{},\"linux\":{\"resources\":{\"memory\":{\"limit\":1.5}}}}",
         "config.json: linux.resources.memory.limit must be a whole number, not a number"},
        {"{\"process\":{},\"linux\":{\"resources\":{\"devices\":[{}]}}}",
         "config.json: linux.resources.devices[0].allow is missing"},
        {"{\"process\":{},\"linux\":{\"devices\":[{}]}}",
         "config.json: linux.devices[0].path is missing"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_refused(rows[i][0], rows[i][1]);
    }
}

static void a_document_that_is_too_large_is_a_limit(void **state)
{
    char *bytes = NEW_ARRAY(10 * 1024 * 1024, char);
    struct spec *spec = NULL;
    struct fault why = {0};

    (void)state;
    memset(bytes, ' ', 10 * 1024 * 1024);
    assert_true(spec_parse((struct text){bytes, 10 * 1024 * 1024}, &spec, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    assert_string_equal(why.text, "config.json has 10485760 bytes; at most 8388608 are read");
    free(bytes);
}

static void more_entries_than_there_may_be_are_a_limit(void **state)
{
    AUTO(buf_fini) struct buf json = BUF(SPEC_BYTES_MAX);
    struct spec *spec = NULL;
    struct fault why = {0};

    (void)state;
    buf_print(&json, "{\"process\":{\"args\":[\"a\"");
    for (int i = 0; i < SPEC_ARGS_MAX; i++) {
        buf_print(&json, ",\"b\"");
    }
    buf_print(&json, "]}}");
    assert_true(spec_parse((struct text){(const char *)json.data, json.length}, &spec, &why) < 0);
    assert_string_equal(why.text, "config.json: process.args has 4097 entries; at most 4096 are "
                                  "accepted");
}

static void an_argument_that_is_too_long_is_a_limit(void **state)
{
    AUTO(buf_fini) struct buf json = BUF(SPEC_BYTES_MAX);
    struct spec *spec = NULL;
    struct fault why = {0};

    (void)state;
    buf_print(&json, "{\"process\":{\"args\":[\"");
    for (int i = 0; i <= SPEC_TEXT_MAX; i++) {
        buf_put_u8(&json, 'a');
    }
    buf_print(&json, "\"]}}");
    assert_true(spec_parse((struct text){(const char *)json.data, json.length}, &spec, &why) < 0);
    assert_string_equal(why.text, "config.json: process.args[0] has 131073 bytes; at most 131072 "
                                  "are accepted");
}

static int64_t memory_limit(const char *number)
{
    AUTO(buf_fini) struct buf json = BUF(1000);
    AUTO(spec_free) struct spec *spec = NULL;

    buf_print(&json, "{\"process\":{},\"linux\":{\"resources\":{\"memory\":{\"limit\":%s}}}}",
              number);
    buf_put_u8(&json, 0);
    spec = parsed((const char *)json.data);
    return spec->resources.memory_limit;
}

static void numbers_beyond_63_bits_read_as_the_largest(void **state)
{
    (void)state;
    assert_true(memory_limit("9223372036854775806") == INT64_MAX - 1);
    assert_true(memory_limit("9223372036854775807") == INT64_MAX);
    assert_true(memory_limit("9223372036854775808") == INT64_MAX);
    assert_true(memory_limit("18446744073709551615") == INT64_MAX);
    assert_true(memory_limit("99999999999999999999999999999999") == INT64_MAX);
}

static void digits_in_strings_stay_as_they_are(void **state)
{
    AUTO(spec_free) struct spec *spec = parsed(
        "{\"process\":{\"args\":[\"99999999999999999999\",\"\\\"99999999999999999999\"]}}");

    (void)state;
    assert_string_equal(spec->process.args.at[0], "99999999999999999999");
    assert_string_equal(spec->process.args.at[1], "\"99999999999999999999");
}

static void the_process_of_an_exec_is_read_alone(void **state)
{
    AUTO(spec_free) struct spec *spec = NULL;
    struct spec *none = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(
        spec_parse_process(text_of("{\"args\":[\"/x.wasm\"],\"cwd\":\"/\"}"), &spec, &why), 0);
    assert_string_equal(spec->process.args.at[0], "/x.wasm");
    assert_true(spec_parse_process(text_of("{\"args\":[0]}"), &none, &why) < 0);
    assert_string_equal(why.text, "process.args[0] must be a string, not a whole number");
}

static void resources_of_an_update_are_read_alone(void **state)
{
    struct spec_resources resources = {0};
    struct fault why = {0};

    (void)state;
    assert_int_equal(
        spec_parse_resources(text_of("{\"cpu\":{\"quota\":5000}}"), &resources, &why), 0);
    assert_int_equal(resources.cpu_quota, 5000);
    assert_true(spec_parse_resources(text_of("{\"cpu\":[]}"), &resources, &why) < 0);
    assert_string_equal(why.text, "resources.cpu must be an object, not a list");
}

static void what_is_no_json_is_refused_with_its_place(void **state)
{
    struct spec *spec = NULL;
    struct fault why = {0};

    (void)state;
    assert_true(spec_parse(text_of("{\"process\":\n x"), &spec, &why) < 0);
    assert_non_null(strstr(why.text, "config.json is not JSON: line 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_is_read),
        cmocka_unit_test(the_rest_is_read),
        cmocka_unit_test(little_is_enough),
        cmocka_unit_test(null_counts_as_absent),
        cmocka_unit_test(wrong_types_are_named_by_path),
        cmocka_unit_test(a_document_that_is_too_large_is_a_limit),
        cmocka_unit_test(more_entries_than_there_may_be_are_a_limit),
        cmocka_unit_test(an_argument_that_is_too_long_is_a_limit),
        cmocka_unit_test(numbers_beyond_63_bits_read_as_the_largest),
        cmocka_unit_test(digits_in_strings_stay_as_they_are),
        cmocka_unit_test(the_process_of_an_exec_is_read_alone),
        cmocka_unit_test(resources_of_an_update_are_read_alone),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
