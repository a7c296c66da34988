/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON is printed by hand, in a fixed order of keys and without white space, because the digest of an
 * image must depend on nothing but what was asked for.
 */
#include "oci/pack.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "oci/binary.h"

enum { DOCUMENT_MAX = 4 * 1024 * 1024, TAR_BLOCK = 512, HELD_CONFIG = 0, HELD_LAYER, HELD_MANIFEST };

static void put_text(struct buf *out, const char *text)
{
    buf_put_json(out, text_of(text));
}

static void put_created(struct buf *out, int64_t created)
{
    time_t seconds = (time_t)created;
    struct tm day = {0};
    char text[32];

    (void)gmtime_r(&seconds, &day);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &day);
    buf_print(out, "\"created\":\"%s\"", text);
}

static int by_bytes(const void *one, const void *other)
{
    const struct text *a = (const struct text *)one;
    const struct text *b = (const struct text *)other;
    int order = memcmp(a->at, b->at, a->length < b->length ? a->length : b->length);

    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* Sorted, so that the order in the binary does not matter. */
static void put_names(struct buf *out, const char *key, const struct binary_names *names)
{
    buf_print(out, "\"%s\":[", key);
    if (names->count > 0) {
        qsort(names->names, names->count, sizeof(names->names[0]), by_bytes);
    }
    for (size_t i = 0; i < names->count; i++) {
        buf_put(out, ",", i > 0 ? 1 : 0);
        buf_put_json(out, names->names[i]);
    }
    buf_put_u8(out, ']');
}

/* CNCF TAG Runtime, Wasm OCI Artifact layout, config. */
static void put_wasm_config(const struct pack_plan *plan, struct binary *binary,
                            const struct packed *packed, struct buf *out)
{
    buf_put_u8(out, '{');
    put_created(out, plan->created);
    buf_print(out, ",\"architecture\":\"wasm\",\"os\":\"%s\",\"layerDigests\":[\"%s\"]",
              binary->kind == BINARY_COMPONENT ? "wasip2" : "wasip1", packed->layer.digest.text);
    if (binary->kind == BINARY_COMPONENT) {
        buf_print(out, ",\"component\":{");
        put_names(out, "exports", &binary->exports);
        buf_put_u8(out, ',');
        put_names(out, "imports", &binary->imports);
        buf_put_u8(out, '}');
    }
    buf_put_u8(out, '}');
}

/* A config's digest is the image's id to containerd's CRI, so it must differ where layers do: in a tar
 * image it does by diff_ids, in an image with a Wasm layer by a label. */
static void put_process(const struct pack_plan *plan, const struct packed *packed, struct buf *out)
{
    const char *slash = plan->form == FORM_TAR ? "/" : "";

    buf_print(out, ",\"config\":{\"Entrypoint\":[");
    if (!plan->entrypoint) {
        buf_print(out, "\"%s%s\"", slash, plan->name);
    }
    for (size_t i = 0; plan->entrypoint && plan->entrypoint[i]; i++) {
        buf_put(out, ",", i > 0 ? 1 : 0);
        put_text(out, plan->entrypoint[i]);
    }
    buf_put_u8(out, ']');
    if (plan->form == FORM_LAYER) {
        buf_print(out, ",\"Labels\":{\"skep.dev/component\":\"%s\"}", packed->layer.digest.text);
    }
    buf_put_u8(out, '}');
}

/* The platform is this machine's, because containerd unpacks and runs no other; a Wasm layer is no
 * layer to it, so diff_ids names only a tar. */
static void put_image_config(const struct pack_plan *plan, const struct packed *packed,
                             struct buf *out)
{
    buf_put_u8(out, '{');
    put_created(out, plan->created);
    buf_print(out, ",\"architecture\":\"%s\",\"os\":\"linux\"", manifest_host_architecture());
    put_process(plan, packed, out);
    buf_print(out, ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
    if (plan->form == FORM_TAR) {
        buf_print(out, "\"%s\"", packed->layer.digest.text);
    }
    buf_print(out, "]}}");
}

static int put_annotations(const struct pack_plan *plan, struct buf *out, struct fault *why)
{
    if (!plan->annotations || !plan->annotations[0]) {
        return 0;
    }
    buf_print(out, ",\"annotations\":{");
    for (size_t i = 0; plan->annotations[i]; i++) {
        const char *equals = strchr(plan->annotations[i], '=');

        if (!equals || equals == plan->annotations[i]) {
            return fault(why, FAULT_INVALID, "the annotation \"%.100s\" is not KEY=VALUE",
                         plan->annotations[i]);
        }
        buf_put(out, ",", i > 0 ? 1 : 0);
        buf_put_json(out, (struct text){plan->annotations[i],
                                        (size_t)(equals - plan->annotations[i])});
        buf_put_u8(out, ':');
        put_text(out, equals + 1);
    }
    buf_put_u8(out, '}');
    return 0;
}

static int put_manifest(const struct pack_plan *plan, const struct packed *packed, struct buf *out,
                        struct fault *why)
{
    buf_print(out,
              "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_MANIFEST "\",\"config\":"
              "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},\"layers\":["
              "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu,"
              "\"annotations\":{\"org.opencontainers.image.title\":\"%s\"}}]",
              plan->form == FORM_ARTIFACT ? MEDIA_TYPE_WASM_CONFIG : MEDIA_TYPE_IMAGE_CONFIG,
              packed->config.digest.text, packed->config.bytes.length,
              plan->form == FORM_TAR ? MEDIA_TYPE_TAR_LAYER : MEDIA_TYPE_WASM_LAYER,
              packed->layer.digest.text, packed->layer.bytes.length,
              plan->form == FORM_TAR ? "rootfs.tar" : plan->name);
    TRY(put_annotations(plan, out, why));
    buf_put_u8(out, '}');
    return buf_check(out, "the manifest", why);
}

/* POSIX.1-1988 ustar: one file, owned by root, readable by all. */
static void put_tar_header(const struct pack_plan *plan, struct buf *out)
{
    uint8_t header[TAR_BLOCK] = {0};
    unsigned sum = 0;
    char *text = (char *)header;

    memcpy(text, plan->name, strlen(plan->name));
    (void)snprintf(text + 100, 8, "%07o", 0755U);
    (void)snprintf(text + 108, 8, "%07o", 0U);
    (void)snprintf(text + 116, 8, "%07o", 0U);
    (void)snprintf(text + 124, 12, "%011llo", (unsigned long long)plan->wasm.length);
    (void)snprintf(text + 136, 12, "%011llo", (unsigned long long)plan->created);
    memset(text + 148, ' ', 8);
    text[156] = '0';
    memcpy(text + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof(header); i++) {
        sum += header[i];
    }
    (void)snprintf(text + 148, 7, "%06o", sum);
    buf_put(out, header, sizeof(header));
}

static void put_tar(const struct pack_plan *plan, struct buf *out)
{
    static const uint8_t zeros[2 * TAR_BLOCK] = {0};
    size_t rest = plan->wasm.length % TAR_BLOCK;

    put_tar_header(plan, out);
    buf_put(out, plan->wasm.at, plan->wasm.length);
    buf_put(out, zeros, rest > 0 ? TAR_BLOCK - rest : 0);
    buf_put(out, zeros, sizeof(zeros));
}

static int check_plan(const struct pack_plan *plan, struct fault *why)
{
    size_t length = strlen(plan->name);

    if (length == 0 || length > PACK_NAME_MAX || strpbrk(plan->name, "/\"\\") ||
        plan->name[0] == '.') {
        return fault(why, FAULT_INVALID, "\"%.120s\" cannot be a file's name in an image: 1 to %d bytes, "
                     "no / \\ or \"", plan->name, PACK_NAME_MAX);
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)plan->name[i] < ' ') {
            return fault(why, FAULT_INVALID, "a file's name in an image holds no control bytes");
        }
    }
    if (plan->created < 0 || plan->created > 077777777777) {
        return fault(why, FAULT_INVALID, "the time of creation must be from 1970 to 2242");
    }
    return 0;
}

static void blob_seal(struct pack_blob *blob, struct text bytes)
{
    blob->bytes = bytes;
    digest_name_of(bytes.at, bytes.length, &blob->digest);
}

static struct text text_in(const struct buf *buf)
{
    return (struct text){(const char *)buf->data, buf->length};
}

static int pack_blobs(const struct pack_plan *plan, struct binary *binary, struct packed *packed,
                      struct fault *why)
{
    struct buf *config = &packed->held[HELD_CONFIG];
    struct buf *layer = &packed->held[HELD_LAYER];
    struct buf *manifest = &packed->held[HELD_MANIFEST];

    if (plan->form == FORM_TAR) {
        put_tar(plan, layer);
        TRY(buf_check(layer, "the layer", why));
        blob_seal(&packed->layer, text_in(layer));
    } else {
        blob_seal(&packed->layer, plan->wasm);
    }
    if (plan->form == FORM_ARTIFACT) {
        put_wasm_config(plan, binary, packed, config);
    } else {
        put_image_config(plan, packed, config);
    }
    TRY(buf_check(config, "the config", why));
    blob_seal(&packed->config, text_in(config));
    TRY(put_manifest(plan, packed, manifest, why));
    blob_seal(&packed->manifest, text_in(manifest));
    packed->media_type = MEDIA_TYPE_MANIFEST;
    return 0;
}

int pack(const struct pack_plan *plan, own struct packed **ret, struct fault *why)
{
    AUTO(packed_free) struct packed *packed = NEW(struct packed);
    AUTO(binary_free) struct binary *binary = NULL;

    packed->held[HELD_CONFIG] = BUF(DOCUMENT_MAX);
    packed->held[HELD_LAYER] = BUF((size_t)PACK_WASM_MAX + 4 * TAR_BLOCK);
    packed->held[HELD_MANIFEST] = BUF(DOCUMENT_MAX);
    TRY(check_plan(plan, why));
    TRY(binary_read(cursor_over(plan->wasm.at, plan->wasm.length), &binary, why));
    TRY(pack_blobs(plan, binary, packed, why));
    *ret = TAKE(packed);
    return 0;
}

struct packed *packed_free(own struct packed *packed)
{
    if (packed) {
        for (size_t i = 0; i < ARRAY_SIZE(packed->held); i++) {
            buf_fini(&packed->held[i]);
        }
        free(packed);
    }
    return NULL;
}
