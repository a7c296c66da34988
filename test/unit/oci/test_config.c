/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "oci/config.h"

static void nulls_of_the_rust_tools_count_as_absent(void **state)
{
    AUTO(config_free) struct config *config = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(
        config_parse(text_of("{\"created\":\"2026-08-20T10:00:00.1Z\",\"author\":null,"
                             "\"architecture\":\"wasm\",\"os\":\"wasip2\",\"layerDigests\":[\"x\"],"
                             "\"component\":{\"exports\":[\"wasi:cli/run@0.2.6\"],\"imports\":[],"
                             "\"target\":null}}"),
                     MEDIA_TYPE_WASM_CONFIG, &config, &why), 0);
    assert_string_equal(config->author, "");
    assert_string_equal(config->target, "");
    assert_string_equal(config->os, "wasip2");
    assert_int_equal(node_count(config->imports), 0);
    assert_string_equal(node_string(node_item(config->exports, 0)), "wasi:cli/run@0.2.6");
}

static void an_image_config_gives_its_entry_point(void **state)
{
    AUTO(config_free) struct config *config = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(config_parse(text_of("{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":"
                                          "{\"Entrypoint\":[\"/a.wasm\"],\"Cmd\":[\"x\",\"y\"]}}"),
                                  MEDIA_TYPE_IMAGE_CONFIG, &config, &why), 0);
    assert_string_equal(node_string(node_item(config->entrypoint, 0)), "/a.wasm");
    assert_int_equal(node_count(config->cmd), 2);
}

static void of_an_unknown_config_nothing_is_read(void **state)
{
    AUTO(config_free) struct config *config = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(config_parse(text_of("{}"), "application/vnd.oci.empty.v1+json", &config,
                                  &why), 0);
    assert_string_equal(config->architecture, "");
}

static void wrong_types_are_named(void **state)
{
    static const struct row {
        const char *text;
        const char *type;
        const char *sentence;
    } rows[] = {
        {"7", MEDIA_TYPE_WASM_CONFIG, "the config is not JSON: line 1, column 1: '[' or '{' "
                                      "expected near '7'"},
        {"{\"component\":[]}", MEDIA_TYPE_WASM_CONFIG,
         "config.component must be an object, not a list"},
        {"{\"component\":{\"imports\":[1]}}", MEDIA_TYPE_WASM_CONFIG,
         "config.component.imports[0] must be a string of at most 4096 bytes"},
        {"{\"config\":{\"Entrypoint\":\"/a\"}}", MEDIA_TYPE_IMAGE_CONFIG,
         "config.config.Entrypoint must be a list, not a string"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct config *config = NULL;
        struct fault why = {0};

        assert_true(config_parse(text_of(rows[i].text), rows[i].type, &config, &why) < 0);
        assert_null(config);
        assert_string_equal(why.text, rows[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nulls_of_the_rust_tools_count_as_absent),
        cmocka_unit_test(an_image_config_gives_its_entry_point),
        cmocka_unit_test(of_an_unknown_config_nothing_is_read),
        cmocka_unit_test(wrong_types_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
