/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/fault.h"
#include "oci/config.h"
#include "oci/pack.h"

/* A component without sections, and a module. */
#define COMPONENT "\0asm\x0d\0\1\0"
#define MODULE "\0asm\1\0\0\0"

static bool holds(struct text text, const char *word)
{
    return memmem(text.at, text.length, word, strlen(word)) != NULL;
}

static struct pack_plan plan_of(enum form form)
{
    return (struct pack_plan){.form = form, .wasm = {COMPONENT, 8}, .name = "app.wasm"};
}

static void the_same_input_gives_the_same_digest(void **state)
{
    (void)state;
    for (enum form form = FORM_ARTIFACT; form <= FORM_TAR; form++) {
        AUTO(packed_free) struct packed *one = NULL;
        AUTO(packed_free) struct packed *other = NULL;
        struct pack_plan plan = plan_of(form);
        struct fault why = {0};

        assert_int_equal(pack(&plan, &one, &why), 0);
        assert_int_equal(pack(&plan, &other, &why), 0);
        assert_string_equal(one->manifest.digest.text, other->manifest.digest.text);
    }
}

static void what_is_packed_is_read_back_as_its_form(void **state)
{
    (void)state;
    for (enum form form = FORM_ARTIFACT; form <= FORM_TAR; form++) {
        AUTO(packed_free) struct packed *packed = NULL;
        AUTO(manifest_free) struct manifest *manifest = NULL;
        AUTO(config_free) struct config *config = NULL;
        struct pack_plan plan = plan_of(form);
        const struct descriptor *layer = NULL;
        enum form decided = FORM_TAR;
        struct fault why = {0};

        assert_int_equal(pack(&plan, &packed, &why), 0);
        assert_int_equal(manifest_parse(packed->manifest.bytes, packed->media_type, &manifest, &why), 0);
        assert_int_equal(form_decide(manifest, &decided, &layer, &why), 0);
        assert_int_equal(decided, form);
        assert_string_equal(manifest->config.digest.text, packed->config.digest.text);
        assert_string_equal(manifest->items[0].digest.text, packed->layer.digest.text);
        assert_int_equal(config_parse(packed->config.bytes, manifest->config.media_type, &config, &why), 0);
        assert_string_equal(config->architecture,
                            form == FORM_ARTIFACT ? "wasm" : manifest_host_architecture());
    }
}

/* The config's digest is what containerd's CRI calls the image's id. */
static void different_components_never_share_a_config(void **state)
{
    (void)state;
    for (enum form form = FORM_ARTIFACT; form <= FORM_TAR; form++) {
        AUTO(packed_free) struct packed *one = NULL;
        AUTO(packed_free) struct packed *other = NULL;
        struct pack_plan plan = plan_of(form);
        struct fault why = {0};

        assert_int_equal(pack(&plan, &one, &why), 0);
        plan.wasm = (struct text){COMPONENT "\0\1\0", 11}; /* and a custom section */
        assert_int_equal(pack(&plan, &other, &why), 0);
        assert_string_not_equal(one->config.digest.text, other->config.digest.text);
    }
}

static void a_module_and_a_component_name_their_os(void **state)
{
    AUTO(packed_free) struct packed *packed = NULL;
    struct pack_plan plan = plan_of(FORM_ARTIFACT);
    struct fault why = {0};

    (void)state;
    assert_int_equal(pack(&plan, &packed, &why), 0);
    assert_true(holds(packed->config.bytes, "\"os\":\"wasip2\""));
    packed = packed_free(packed);
    plan.wasm = (struct text){MODULE, 8};
    assert_int_equal(pack(&plan, &packed, &why), 0);
    assert_true(holds(packed->config.bytes, "\"os\":\"wasip1\""));
    assert_false(holds(packed->config.bytes, "component"));
}

static void a_tar_holds_the_file_in_whole_blocks(void **state)
{
    AUTO(packed_free) struct packed *packed = NULL;
    struct pack_plan plan = plan_of(FORM_TAR);
    struct fault why = {0};

    (void)state;
    assert_int_equal(pack(&plan, &packed, &why), 0);
    assert_int_equal(packed->layer.bytes.length, 4 * 512);
    assert_string_equal(packed->layer.bytes.at, "app.wasm");
    assert_memory_equal(packed->layer.bytes.at + 257, "ustar\00000", 8);
    assert_memory_equal(packed->layer.bytes.at + 512, COMPONENT, 8);
    assert_true(holds(packed->config.bytes, "\"Entrypoint\":[\"/app.wasm\"]"));
}

static void what_cannot_be_packed_is_said(void **state)
{
    static const char *const bad[] = {"no-equals", NULL};
    static const struct {
        const char *name;
        const char *const *annotations;
        struct text wasm;
    } rows[] = {
        {"a/b", NULL, {COMPONENT, 8}},  {"", NULL, {COMPONENT, 8}},   {"..", NULL, {COMPONENT, 8}},
        {"a\"b", NULL, {COMPONENT, 8}}, {"a\nb", NULL, {COMPONENT, 8}}, {"x", bad, {COMPONENT, 8}},
        {"x", NULL, {"#!/bin/sh", 9}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct pack_plan plan = {.form = FORM_TAR, .name = rows[i].name, .wasm = rows[i].wasm, .annotations = rows[i].annotations};
        struct packed *packed = NULL;
        struct fault why = {0};

        assert_true(pack(&plan, &packed, &why) < 0);
        assert_null(packed);
        assert_true(strlen(why.text) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_input_gives_the_same_digest),
        cmocka_unit_test(what_is_packed_is_read_back_as_its_form),
        cmocka_unit_test(different_components_never_share_a_config),
        cmocka_unit_test(a_module_and_a_component_name_their_os),
        cmocka_unit_test(a_tar_holds_the_file_in_whole_blocks),
        cmocka_unit_test(what_cannot_be_packed_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
