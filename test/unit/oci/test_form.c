/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "oci/form.h"

#include "documents.h"

#define SPIN DESCRIPTOR("application/vnd.fermyon.spin.application.v1+config", D3)

static void each_form_is_recognised(void **state)
{
    static const struct row {
        const char *text;
        enum form form;
        const char *layer;
    } rows[] = {
        {MANIFEST(WASM_CONFIG, WASM), FORM_ARTIFACT, D2},
        {MANIFEST("application/vnd.oci.empty.v1+json", WASM), FORM_ARTIFACT, D2},
        {MANIFEST("application/vnd.wasm.config.v1+json",
                  DESCRIPTOR("application/vnd.wasm.content.layer.v1+wasm", D3)),
         FORM_ARTIFACT, D3},
        {MANIFEST("application/vnd.wasmcloud.actor.archive.config",
                  DESCRIPTOR("application/vnd.module.wasm.content.layer.v1+wasm", D3)),
         FORM_ARTIFACT, D3},
        {MANIFEST(IMAGE_CONFIG, WASM), FORM_LAYER, D2},
        {MANIFEST(IMAGE_CONFIG,
                  DESCRIPTOR("application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", D3)),
         FORM_LAYER, D3},
        {MANIFEST("application/vnd.docker.container.image.v1+json", WASM), FORM_LAYER, D2},
        {MANIFEST(IMAGE_CONFIG, TAR "," TAR), FORM_TAR, NULL},
        {MANIFEST(IMAGE_CONFIG, ""), FORM_TAR, NULL},
        {MANIFEST(IMAGE_CONFIG, DESCRIPTOR("text/plain", D2)), FORM_TAR, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(manifest_free) struct manifest *manifest = NULL;
        const struct descriptor *layer = NULL;
        struct fault why = {0};
        enum form form = FORM_TAR;

        assert_int_equal(manifest_parse(text_of(rows[i].text), "", &manifest, &why), 0);
        assert_int_equal(form_decide(manifest, &form, &layer, &why), 0);
        assert_int_equal(form, rows[i].form);
        if (rows[i].layer) {
            assert_string_equal(layer->digest.text, rows[i].layer);
        } else {
            assert_null(layer);
        }
    }
}

static void what_cannot_run_is_refused_by_name(void **state)
{
    static const struct row {
        const char *text;
        const char *sentence;
    } rows[] = {
        {MANIFEST(WASM_CONFIG, WASM "," WASM "," WASM),
         "the artifact has 3 layers; under the Wasm config v0 a runtime must refuse all but exactly "
         "one (CNCF Wasm OCI artifact layout)"},
        {MANIFEST(WASM_CONFIG, WASM "," TAR),
         "the artifact has 2 layers; under the Wasm config v0 a runtime must refuse all but exactly "
         "one (CNCF Wasm OCI artifact layout)"},
        {MANIFEST(WASM_CONFIG, ""), "config application/vnd.wasm.config.v0+json without a layer "
                                    "application/wasm is nothing that runs here"},
        {MANIFEST("a/b", DESCRIPTOR("text/plain", D2)),
         "config a/b with a layer text/plain is nothing that runs here"},
        {MANIFEST(IMAGE_CONFIG, WASM "," WASM),
         "the image has 2 Wasm layers; exactly one can run"},
        {MANIFEST(IMAGE_CONFIG, TAR "," WASM),
         "the image mixes a Wasm layer with 1 of files; put the component into the files, or push "
         "it alone"},
        {MANIFEST(IMAGE_CONFIG, WASM "," DESCRIPTOR("text/plain", D2)),
         "the image mixes a Wasm layer with text/plain"},
        {MANIFEST(IMAGE_CONFIG,
                  DESCRIPTOR("application/vnd.wasm.content.layer.v1+wasm", D2) "," SPIN),
         "this is a Spin application; containerd-shim-spin runs those"},
        {MANIFEST("application/vnd.cncf.helm.config.v1+json", TAR),
         "this is a Helm chart; helm installs those"},
        {MANIFEST(IMAGE_CONFIG,
                  DESCRIPTOR("application/vnd.dev.cosign.simplesigning.v1+json", D2)),
         "this is a signature, not the image that it signs"},
        {INDEX(""), "an index is not an image; one of its entries is"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(manifest_free) struct manifest *manifest = NULL;
        const struct descriptor *layer = NULL;
        struct fault why = {0};
        enum form form = FORM_TAR;

        assert_int_equal(manifest_parse(text_of(rows[i].text), "", &manifest, &why), 0);
        assert_true(form_decide(manifest, &form, &layer, &why) < 0);
        assert_string_equal(why.text, rows[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_recognised),
        cmocka_unit_test(what_cannot_run_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
