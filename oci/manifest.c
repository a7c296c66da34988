/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document is walked once by field tables. Media types and platforms are checked byte by byte
 * here, so that later sentences can print them.
 */
#include "oci/manifest.h"

#include <string.h>
#include <sys/utsname.h>

#include "base/fault.h"
#include "base/json.h"

enum {
    PLATFORM_MAX = 64,
    TITLE_MAX = 255,
    ANNOTATIONS_MAX = 128,
};

/* A descriptor as the document has it; NULL for what is absent. */
struct raw_descriptor {
    const char *media_type;
    const char *digest;
    int64_t size;
    const char *artifact_type;
    const struct node *platform;
    const struct node *annotations;
};

static const struct node_field descriptor_fields[] = {
    {"mediaType", NODE_TEXT, true, offsetof(struct raw_descriptor, media_type), 0, MEDIA_TYPE_MAX},
    {"digest", NODE_TEXT, true, offsetof(struct raw_descriptor, digest), 0, DIGEST_NAME_ROOM - 1},
    {"size", NODE_INTEGER, true, offsetof(struct raw_descriptor, size), 0, INT64_MAX},
    {"artifactType", NODE_TEXT, false, offsetof(struct raw_descriptor, artifact_type), 0,
     MEDIA_TYPE_MAX},
    {"platform", NODE_OBJECT, false, offsetof(struct raw_descriptor, platform), 0, 0},
    {"annotations", NODE_OBJECT, false, offsetof(struct raw_descriptor, annotations), 0,
     ANNOTATIONS_MAX},
    {.key = NULL},
};

static const struct node_field platform_fields[] = {
    {"os", NODE_TEXT, true, offsetof(struct descriptor, os), 0, PLATFORM_MAX},
    {"architecture", NODE_TEXT, true, offsetof(struct descriptor, architecture), 0, PLATFORM_MAX},
    {"variant", NODE_TEXT, false, offsetof(struct descriptor, variant), 0, PLATFORM_MAX},
    {.key = NULL},
};

struct raw_manifest {
    int64_t schema;
    const char *media_type;
    const char *artifact_type;
    const struct node *config;
    const struct node *layers;
    const struct node *manifests;
    const struct node *annotations;
};

static const struct node_field manifest_fields[] = {
    {"schemaVersion", NODE_INTEGER, true, offsetof(struct raw_manifest, schema), 0, 0},
    {"mediaType", NODE_TEXT, false, offsetof(struct raw_manifest, media_type), 0, MEDIA_TYPE_MAX},
    {"artifactType", NODE_TEXT, false, offsetof(struct raw_manifest, artifact_type), 0,
     MEDIA_TYPE_MAX},
    {"config", NODE_OBJECT, false, offsetof(struct raw_manifest, config), 0, 0},
    {"layers", NODE_LIST, false, offsetof(struct raw_manifest, layers), 0, MANIFEST_LAYERS_MAX},
    {"manifests", NODE_LIST, false, offsetof(struct raw_manifest, manifests), 0,
     MANIFEST_ENTRIES_MAX},
    {"annotations", NODE_OBJECT, false, offsetof(struct raw_manifest, annotations), 0,
     ANNOTATIONS_MAX},
    {.key = NULL},
};

static int check_type(const char *type, const char *what, struct fault *why)
{
    if (!media_is_type(type)) {
        return fault(why, FAULT_INVALID, "%s is not a media type", what);
    }
    return 0;
}

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

static int check_annotations(const struct node *annotations, const char *what, struct fault *why)
{
    const char *key = NULL;

    for (size_t i = 0; i < node_count(annotations); i++) {
        const struct node *value = node_at(annotations, i, &key);

        if (!value || node_type(value) != NODE_TEXT) {
            return fault(why, FAULT_INVALID, "%s.annotations hold something that is not a string",
                         what);
        }
    }
    return 0;
}

static int read_platform(const struct node *platform, const char *what, struct descriptor *ret,
                         struct fault *why)
{
    if (!platform) {
        return 0;
    }
    TRY(node_read(platform, what, platform_fields, ret, why));
    if (!is_plain(ret->os) || !is_plain(ret->architecture) || !is_plain(ret->variant)) {
        return fault(why, FAULT_INVALID, "%s.platform holds bytes that no name of a platform has",
                     what);
    }
    return 0;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static int read_descriptor(const struct node *node, const char *what, struct descriptor *ret,
                           struct fault *why)
{
    struct raw_descriptor raw = {0};
    const char *title = NULL;
    const char *reference = NULL;

    TRY(node_read(node, what, descriptor_fields, &raw, why));
    TRY(check_type(raw.media_type, what, why));
    if (digest_name_parse((struct text){raw.digest, strlen(raw.digest)}, &ret->digest, why) < 0) {
        return fault_while(why, "read %s.digest", what);
    }
    TRY(check_annotations(raw.annotations, what, why));
    ret->os = ret->architecture = ret->variant = "";
    TRY(read_platform(raw.platform, what, ret, why));
    title = node_string(node_member(raw.annotations, "org.opencontainers.image.title"));
    reference = node_string(node_member(raw.annotations, "vnd.docker.reference.type"));
    ret->media_type = raw.media_type;
    ret->size = (uint64_t)raw.size;
    ret->artifact_type = or_empty(raw.artifact_type);
    ret->title = title && strlen(title) <= TITLE_MAX ? title : "";
    ret->attestation = (reference && strcmp(reference, "attestation-manifest") == 0) ||
                       strcmp(ret->os, "unknown") == 0;
    return 0;
}

static int read_items(const struct node *list, const char *what, struct manifest *manifest,
                      struct fault *why)
{
    manifest->count = node_count(list);
    manifest->items = NEW_ARRAY(manifest->count + 1, struct descriptor);
    for (size_t i = 0; i < manifest->count; i++) {
        TRY(read_descriptor(node_item(list, i), what, &manifest->items[i], why));
    }
    return 0;
}

/* By its own mediaType, else by the one it came under, else by what it holds. */
static int decide_type(const struct raw_manifest *raw, const char *type, const char **ret,
                       struct fault *why)
{
    const char *own_type = or_empty(raw->media_type);

    if (own_type[0] != '\0' && type[0] != '\0' && strcmp(own_type, type) != 0) {
        return fault(why, FAULT_INVALID, "the manifest came as %.255s but calls itself %.80s", type,
                     media_is_type(own_type) ? own_type : "something else");
    }
    type = own_type[0] != '\0' ? own_type : type;
    if (type[0] == '\0') {
        type = raw->manifests ? MEDIA_TYPE_INDEX : MEDIA_TYPE_MANIFEST;
    }
    *ret = type;
    return check_type(type, "the manifest's mediaType", why);
}

static int check_parts(const struct raw_manifest *raw, enum media_class class, struct fault *why)
{
    if (class == MEDIA_INDEX && (raw->config || raw->layers || !raw->manifests)) {
        return fault(why, FAULT_INVALID, "an index must hold manifests, and neither config nor "
                     "layers");
    }
    if (class == MEDIA_MANIFEST && (raw->manifests || !raw->config || !raw->layers)) {
        return fault(why, FAULT_INVALID, "a manifest must hold config and layers, and no "
                     "manifests");
    }
    return 0;
}

static int decide_kind(const struct raw_manifest *raw, const char *type, struct manifest *manifest,
                       struct fault *why)
{
    enum media_class class = MEDIA_UNKNOWN;

    TRY(decide_type(raw, type, &manifest->media_type, why));
    class = media_class(manifest->media_type);
    if (class == MEDIA_REFUSED) {
        return fault(why, FAULT_UNSUPPORTED, "this is %s", media_refusal(manifest->media_type));
    }
    if (class != MEDIA_MANIFEST && class != MEDIA_INDEX) {
        return fault(why, FAULT_UNSUPPORTED, "%s is no image manifest", manifest->media_type);
    }
    manifest->kind = class == MEDIA_INDEX ? MANIFEST_INDEX : MANIFEST_IMAGE;
    return check_parts(raw, class, why);
}

static int read_manifest(const char *type, struct manifest *manifest, struct fault *why)
{
    struct raw_manifest raw = {0};

    TRY(node_read(manifest->root, "manifest", manifest_fields, &raw, why));
    if (raw.schema != 2) {
        return fault(why, FAULT_UNSUPPORTED, "manifest.schemaVersion must be 2; schema 1 is not "
                     "read");
    }
    TRY(decide_kind(&raw, type, manifest, why));
    manifest->artifact_type = or_empty(raw.artifact_type);
    if (raw.artifact_type) {
        TRY(check_type(raw.artifact_type, "manifest.artifactType", why));
    }
    TRY(check_annotations(raw.annotations, "manifest", why));
    manifest->annotations = raw.annotations;
    if (manifest->kind == MANIFEST_INDEX) {
        return read_items(raw.manifests, "manifest.manifests[]", manifest, why);
    }
    TRY(read_descriptor(raw.config, "manifest.config", &manifest->config, why));
    return read_items(raw.layers, "manifest.layers[]", manifest, why);
}

int manifest_parse(struct text bytes, const char *type, own struct manifest **ret,
                   struct fault *why)
{
    AUTO(manifest_free) struct manifest *manifest = NEW(struct manifest);

    TRY(node_parse(bytes, "the manifest", MANIFEST_BYTES_MAX, &manifest->root, why));
    TRY(read_manifest(type, manifest, why));
    *ret = TAKE(manifest);
    return 0;
}

struct manifest *manifest_free(own struct manifest *manifest)
{
    if (manifest) {
        (void)node_free(manifest->root);
        free(manifest->items);
        free(manifest);
    }
    return NULL;
}

const char *manifest_host_architecture(void)
{
    static const char *const names[][2] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"riscv64", "riscv64"},
        {"ppc64le", "ppc64le"}, {"s390x", "s390x"},
    };
    struct utsname machine;

    if (uname(&machine) == 0) {
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            if (strcmp(machine.machine, names[i][0]) == 0) {
                return names[i][1];
            }
        }
    }
    return "unknown";
}

enum { RANKS = 6 };

/* 0 is best; RANKS and above is left out. wasip2 before wasip1 before Docker's "wasi". */
static unsigned entry_rank(const struct descriptor *entry, enum manifest_taste taste)
{
    bool wasm = strcmp(entry->architecture, "wasm") == 0 ||
                strcmp(entry->architecture, "wasm32") == 0;
    unsigned among_wasm = strcmp(entry->os, "wasip2") == 0   ? 0
                          : strcmp(entry->os, "wasip1") == 0 ? 1
                                                             : 2;

    if (entry->attestation) {
        return RANKS;
    }
    if (wasm) {
        return taste == MANIFEST_FOR_WASM ? among_wasm : 2 + among_wasm;
    }
    if (entry->os[0] == '\0') {
        return taste == MANIFEST_FOR_WASM ? 3 : 1;
    }
    if (strcmp(entry->os, "linux") == 0 &&
        strcmp(entry->architecture, manifest_host_architecture()) == 0) {
        return taste == MANIFEST_FOR_WASM ? 4 : 0;
    }
    return RANKS;
}

void manifest_choose(const struct manifest *index, enum manifest_taste taste,
                     size_t ret[MANIFEST_ENTRIES_MAX], size_t *ret_count)
{
    *ret_count = 0;
    for (unsigned rank = 0; rank < RANKS; rank++) {
        for (size_t i = 0; i < index->count; i++) {
            if (entry_rank(&index->items[i], taste) == rank) {
                ret[(*ret_count)++] = i;
            }
        }
    }
}
