/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A digest means the same for ever, so what was decided for the digest an image points to is
 * remembered; only the two questions which container, which image are asked each time.
 *
 * Configs are not read: the form follows from media types (oci/form), and what a config says about
 * a component is not believed anyway.
 */
#include "oci/images/resolve.h"

#include <pthread.h>
#include <string.h>

#include "base/fault.h"
#include "oci/form.h"

enum {
    REMEMBERED_MAX = 256,
    READS_MAX = 64, /* manifests and indexes read for one image */
};

struct decision {
    struct digest_name target;
    enum image_form form;
    struct digest_name manifest;
    struct digest_name layer;
    uint64_t layer_size;
};

struct resolver {
    struct store store;
    struct blobs *blobs;
    pthread_mutex_t lock; /* guards the two below */
    struct decision remembered[REMEMBERED_MAX];
    size_t next;
};

own struct resolver *resolver_new(struct store store, struct blobs *blobs)
{
    struct resolver *resolver = NEW(struct resolver);

    resolver->store = store;
    resolver->blobs = blobs;
    (void)pthread_mutex_init(&resolver->lock, NULL);
    return resolver;
}

struct resolver *resolver_free(own struct resolver *resolver)
{
    if (resolver) {
        (void)pthread_mutex_destroy(&resolver->lock);
        free(resolver);
    }
    return NULL;
}

static bool recall(struct resolver *resolver, const struct digest_name *target,
                   struct decision *ret)
{
    bool found = false;

    (void)pthread_mutex_lock(&resolver->lock);
    for (size_t i = 0; i < REMEMBERED_MAX && !found; i++) {
        found = strcmp(resolver->remembered[i].target.text, target->text) == 0;
        if (found) {
            *ret = resolver->remembered[i];
        }
    }
    (void)pthread_mutex_unlock(&resolver->lock);
    return found;
}

static void remember(struct resolver *resolver, const struct decision *decision)
{
    (void)pthread_mutex_lock(&resolver->lock);
    resolver->remembered[resolver->next] = *decision;
    resolver->next = (resolver->next + 1) % REMEMBERED_MAX;
    (void)pthread_mutex_unlock(&resolver->lock);
}

/* One walk from an image's target to a manifest. */
struct walk {
    struct resolver *resolver;
    const char *space;
    unsigned reads;
    struct decision decision;
};

static int decide_manifest(struct walk *walk, const struct manifest *manifest,
                           const struct digest_name *name, struct fault *why)
{
    static const enum image_form forms[] = {[FORM_ARTIFACT] = IMAGE_ARTIFACT,
                                            [FORM_LAYER] = IMAGE_LAYER,
                                            [FORM_TAR] = IMAGE_TAR};
    const struct descriptor *layer = NULL;
    enum form form = FORM_TAR;

    TRY(form_decide(manifest, &form, &layer, why));
    walk->decision.form = forms[form];
    walk->decision.manifest = *name;
    if (layer) {
        walk->decision.layer = layer->digest;
        walk->decision.layer_size = layer->size;
    }
    return 0;
}

enum { WALK_ABSENT = 1 }; /* the store does not hold it */

static int walk_to(struct walk *walk, const struct blob *blob, const char *type, unsigned depth,
                   struct fault *why);

/* containerd fetches only the entries for its machine: the best that is there is meant. */
static int walk_index(struct walk *walk, const struct manifest *index, unsigned depth,
                      struct fault *why)
{
    size_t chosen[MANIFEST_ENTRIES_MAX];
    size_t count = 0;

    if (depth == MANIFEST_DEPTH_MAX) {
        return fault(why, FAULT_LIMIT, "indexes are followed %d deep", MANIFEST_DEPTH_MAX);
    }
    manifest_choose(index, MANIFEST_FOR_HOST, chosen, &count);
    for (size_t i = 0; i < count; i++) {
        const struct descriptor *entry = &index->items[chosen[i]];
        const struct blob blob = {"the manifest", &entry->digest, entry->size};
        int answer = walk_to(walk, &blob, entry->media_type, depth + 1, why);

        if (answer != WALK_ABSENT) {
            return answer;
        }
    }
    return WALK_ABSENT;
}

static int walk_to(struct walk *walk, const struct blob *blob, const char *type, unsigned depth,
                   struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(MANIFEST_BYTES_MAX);
    AUTO(manifest_free) struct manifest *manifest = NULL;

    if (walk->reads++ == READS_MAX) {
        return fault(why, FAULT_LIMIT, "of one image at most %d manifests are read", READS_MAX);
    }
    if (blobs_document(walk->resolver->blobs, walk->space, blob, &bytes, why) < 0) {
        return why->kind == FAULT_NOT_FOUND ? WALK_ABSENT : -1;
    }
    TRY(manifest_parse((struct text){(const char *)bytes.data, bytes.length}, type, &manifest,
                       why));
    return manifest->kind == MANIFEST_INDEX ? walk_index(walk, manifest, depth, why)
                                            : decide_manifest(walk, manifest, blob->digest, why);
}

static int decide(struct resolver *resolver, const char *space, const struct store_target *target,
                  struct decision *ret, struct fault *why)
{
    struct walk walk = {.resolver = resolver, .space = space};
    const struct blob blob = {"the manifest", &target->digest, target->size};

    if (recall(resolver, &target->digest, ret)) {
        return 0;
    }
    if (target->digest.kind != DIGEST_SHA256) {
        return fault(why, FAULT_UNSUPPORTED, "its manifest is named by sha512");
    }
    switch (walk_to(&walk, &blob, target->media_type, 0, why)) {
    case 0:
        walk.decision.target = target->digest;
        remember(resolver, &walk.decision);
        *ret = walk.decision;
        return 0;
    case WALK_ABSENT:
        return fault(why, FAULT_NOT_FOUND, "the content store holds no manifest of it for this "
                     "machine");
    default:
        return -1;
    }
}

static int open_component(struct resolver *resolver, const char *space,
                          const struct decision *decision, struct image *ret, struct fault *why)
{
    const struct blob blob = {"the layer", &decision->layer, decision->layer_size};

    *ret = (struct image){.form = decision->form, .wasm = -1};
    if (decision->manifest.kind == DIGEST_SHA256) {
        memcpy(ret->manifest, decision->manifest.text, sizeof(ret->manifest));
    }
    if (decision->form == IMAGE_TAR) {
        return 0;
    }
    TRY(blobs_component(resolver->blobs, space, &blob, &ret->wasm, why));
    memcpy(ret->component, decision->layer.text, sizeof(ret->component));
    return 0;
}

int resolver_find(struct resolver *resolver, const char *space, const char *id, struct image *ret,
                  struct fault *why)
{
    const struct store *store = &resolver->store;
    char name[STORE_IMAGE_NAME_MAX + 1];
    struct store_target target;
    struct decision decision;

    if (store->find_container(store->owner, space, id, name, why) < 0) {
        return fault_while(why, "find container %s", id);
    }
    if (name[0] == '\0') {
        *ret = (struct image){.form = IMAGE_NONE, .wasm = -1};
        return 0;
    }
    if (store->find_image(store->owner, space, name, &target, why) < 0 ||
        decide(resolver, space, &target, &decision, why) < 0 ||
        open_component(resolver, space, &decision, ret, why) < 0) {
        return fault_while(why, "read image %.200s", name);
    }
    return 0;
}
