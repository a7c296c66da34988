/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest that is accepted keeps its limits, and the layer that is chosen from it is one of its
 * own. The same bytes are also read as configs of both kinds.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "oci/config.h"
#include "oci/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_descriptor(const struct descriptor *descriptor)
{
    struct digest_name again;
    struct fault why = {0};

    assert(media_is_type(descriptor->media_type));
    assert(descriptor->size <= INT64_MAX);
    assert(digest_name_parse(text_of(descriptor->digest.text), &again, &why) == 0);
    assert(descriptor->title && descriptor->os && descriptor->architecture &&
           descriptor->variant && descriptor->artifact_type);
}

static void check_choice(const struct manifest *manifest)
{
    size_t chosen[MANIFEST_ENTRIES_MAX];
    size_t host = 0;
    size_t wasm = 0;

    manifest_choose(manifest, MANIFEST_FOR_HOST, chosen, &host);
    manifest_choose(manifest, MANIFEST_FOR_WASM, chosen, &wasm);
    assert(host == wasm && wasm <= manifest->count);
    for (size_t i = 0; i < wasm; i++) {
        assert(chosen[i] < manifest->count && !manifest->items[chosen[i]].attestation);
    }
}

static void check_form(const struct manifest *manifest)
{
    const struct descriptor *layer = NULL;
    struct fault why = {0};
    enum form form = FORM_TAR;

    if (form_decide(manifest, &form, &layer, &why) < 0) {
        assert(why.text[0] != '\0');
        return;
    }
    assert((form == FORM_TAR) == !layer);
    assert(!layer || (layer >= manifest->items && layer < manifest->items + manifest->count));
    assert(!layer || media_class(layer->media_type) == MEDIA_WASM_LAYER);
}

static void check_config(struct text bytes, const char *type)
{
    AUTO(config_free) struct config *config = NULL;
    struct fault why = {0};

    if (config_parse(bytes, type, &config, &why) == 0) {
        assert(config->os && config->architecture && config->target);
        for (size_t i = 0; i < node_count(config->exports); i++) {
            assert(node_string(node_item(config->exports, i)));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(manifest_free) struct manifest *manifest = NULL;
    struct text bytes = {(const char *)data, size};
    struct fault why = {0};

    check_config(bytes, MEDIA_TYPE_WASM_CONFIG);
    check_config(bytes, MEDIA_TYPE_IMAGE_CONFIG);
    if (manifest_parse(bytes, "", &manifest, &why) < 0) {
        assert(why.kind != FAULT_NONE && !manifest);
        return 0;
    }
    assert(manifest->count <= (manifest->kind == MANIFEST_INDEX ? MANIFEST_ENTRIES_MAX
                                                                : MANIFEST_LAYERS_MAX));
    for (size_t i = 0; i < manifest->count; i++) {
        check_descriptor(&manifest->items[i]);
    }
    if (manifest->kind == MANIFEST_INDEX) {
        check_choice(manifest);
    } else {
        check_descriptor(&manifest->config);
        check_form(manifest);
    }
    return 0;
}
