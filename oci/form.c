/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is refused by name comes first, then the config's type decides which layers may be there:
 *
 *   config              Wasm layers   tar layers   form
 *   Wasm, v0 or older   exactly 1     0            ARTIFACT
 *   image               1             0            LAYER
 *   image               0             any          TAR (whatever containerd can unpack)
 *   any other           exactly 1     0            ARTIFACT (oras without --config)
 */
#include "oci/form.h"

#include <string.h>

#include "base/fault.h"

static int refuse_by_name(const struct manifest *manifest, struct fault *why)
{
    const char *type = manifest->config.media_type;

    for (size_t i = 0; media_class(type) != MEDIA_REFUSED && i < manifest->count; i++) {
        type = manifest->items[i].media_type;
    }
    if (media_class(type) == MEDIA_REFUSED) {
        return fault(why, FAULT_UNSUPPORTED, "this is %s", media_refusal(type));
    }
    return 0;
}

struct tally {
    size_t wasm;
    size_t tar;
    size_t other;
    const struct descriptor *component; /* the last of the Wasm layers */
    const char *other_type;
};

static struct tally count_layers(const struct manifest *manifest)
{
    struct tally tally = {.other_type = ""};

    for (size_t i = 0; i < manifest->count; i++) {
        switch (media_class(manifest->items[i].media_type)) {
        case MEDIA_WASM_LAYER:
            tally.wasm++;
            tally.component = &manifest->items[i];
            break;
        case MEDIA_TAR_LAYER:
        case MEDIA_GZIP_LAYER:
        case MEDIA_ZSTD_LAYER:
            tally.tar++;
            break;
        case MEDIA_UNKNOWN:
        case MEDIA_MANIFEST:
        case MEDIA_INDEX:
        case MEDIA_WASM_CONFIG:
        case MEDIA_OLD_CONFIG:
        case MEDIA_IMAGE_CONFIG:
        case MEDIA_REFUSED:
        default:
            tally.other++;
            tally.other_type = manifest->items[i].media_type;
            break;
        }
    }
    return tally;
}

static int decide_artifact(const struct manifest *manifest, const struct tally *tally,
                           const struct descriptor **ret_layer, struct fault *why)
{
    if (tally->wasm > 1 || (tally->wasm == 1 && manifest->count > 1)) {
        return fault(why, FAULT_UNSUPPORTED, "the artifact has %zu layers; under the Wasm config "
                     "v0 a runtime must refuse all but exactly one (CNCF Wasm OCI artifact layout)",
                     manifest->count);
    }
    if (tally->wasm == 0 && tally->other > 0) {
        return fault(why, FAULT_UNSUPPORTED,
                     "config %.120s with a layer %.120s is nothing that runs here",
                     manifest->config.media_type, tally->other_type);
    }
    if (tally->wasm == 0) {
        return fault(why, FAULT_UNSUPPORTED, "config %.120s without a layer application/wasm is "
                     "nothing that runs here", manifest->config.media_type);
    }
    *ret_layer = tally->component;
    return 0;
}

static int decide_image(const struct tally *tally, enum form *ret,
                        const struct descriptor **ret_layer, struct fault *why)
{
    if (tally->wasm > 1) {
        return fault(why, FAULT_UNSUPPORTED, "the image has %zu Wasm layers; exactly one can run",
                     tally->wasm);
    }
    if (tally->wasm == 1 && tally->tar > 0) {
        return fault(why, FAULT_UNSUPPORTED, "the image mixes a Wasm layer with %zu of files; "
                     "put the component into the files, or push it alone", tally->tar);
    }
    if (tally->wasm == 1 && tally->other > 0) {
        return fault(why, FAULT_UNSUPPORTED, "the image mixes a Wasm layer with %.120s",
                     tally->other_type);
    }
    *ret = tally->wasm == 1 ? FORM_LAYER : FORM_TAR;
    *ret_layer = tally->component;
    return 0;
}

int form_decide(const struct manifest *manifest, enum form *ret,
                const struct descriptor **ret_layer, struct fault *why)
{
    struct tally tally;

    if (manifest->kind != MANIFEST_IMAGE) {
        return fault(why, FAULT_INVALID, "an index is not an image; one of its entries is");
    }
    TRY(refuse_by_name(manifest, why));
    tally = count_layers(manifest);
    if (media_class(manifest->config.media_type) == MEDIA_IMAGE_CONFIG) {
        return decide_image(&tally, ret, ret_layer, why);
    }
    TRY(decide_artifact(manifest, &tally, ret_layer, why));
    *ret = FORM_ARTIFACT;
    return 0;
}

const char *form_name(enum form form)
{
    static const char *const names[] = {
        [FORM_ARTIFACT] = "artifact", [FORM_LAYER] = "image", [FORM_TAR] = "tar"};

    return names[form];
}
