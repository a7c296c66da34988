/* SPDX-License-Identifier: Apache-2.0 */
/* An index is followed at most MANIFEST_DEPTH_MAX times, always to its best entry. */
#include "cli/fetch.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "oci/pack.h"
#include "oci/registry/client.h"

static int fetch_one(struct fetched *fetched, const char *target, struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(MANIFEST_BYTES_MAX);

    TRY(pull_manifest(fetched->registry, target, &bytes, &fetched->about, why));
    fetched->manifest = manifest_free(fetched->manifest);
    return manifest_parse((struct text){(const char *)bytes.data, bytes.length},
                          fetched->about.media_type, &fetched->manifest, why);
}

static int follow_indexes(struct fetched *fetched, struct fault *why)
{
    AUTO(memory_free) size_t *best = NEW_ARRAY(MANIFEST_ENTRIES_MAX, size_t);
    char target[DIGEST_NAME_ROOM];

    (void)snprintf(target, sizeof(target), "%s", reference_target(&fetched->reference));
    for (int depth = 0; depth <= MANIFEST_DEPTH_MAX; depth++) {
        size_t count = 0;

        TRY(fetch_one(fetched, target, why));
        if (fetched->manifest->kind == MANIFEST_IMAGE) {
            return 0;
        }
        manifest_choose(fetched->manifest, MANIFEST_FOR_WASM, best, &count);
        if (count == 0) {
            return fault(why, FAULT_NOT_FOUND, "the index %s has no entry for Wasm or this machine",
                         fetched->about.digest.text);
        }
        (void)snprintf(target, sizeof(target), "%s",
                       fetched->manifest->items[best[0]].digest.text);
    }
    return fault(why, FAULT_LIMIT, "indexes are nested deeper than %d levels", MANIFEST_DEPTH_MAX);
}

int fetch(const char *reference, own struct fetched **ret, struct fault *why)
{
    AUTO(fetched_free) struct fetched *fetched = NEW(struct fetched);

    TRY(reference_parse(text_of(reference), &fetched->reference, why));
    TRY(registry_open(&fetched->reference, REGISTRY_PULL, &fetched->registry, why));
    TRY(follow_indexes(fetched, why));
    TRY(form_decide(fetched->manifest, &fetched->form, &fetched->layer, why));
    if (!fetched->layer) {
        if (fetched->manifest->count == 0) {
            return fault(why, FAULT_INVALID, "%s has no layers", reference);
        }
        fetched->layer = &fetched->manifest->items[0];
    }
    if (fetched->layer->size > PACK_WASM_MAX) {
        return fault(why, FAULT_LIMIT, "the layer of %s has %llu bytes; at most %d are pulled",
                     reference, (unsigned long long)fetched->layer->size, PACK_WASM_MAX);
    }
    *ret = TAKE(fetched);
    return 0;
}

struct fetched *fetched_free(own struct fetched *fetched)
{
    if (fetched) {
        (void)manifest_free(fetched->manifest);
        (void)registry_free(fetched->registry);
        free(fetched);
    }
    return NULL;
}

int fetch_layer(struct fetched *fetched, int file, struct fault *why)
{
    return pull_blob(fetched->registry, fetched->layer, file, why);
}
