/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "oci/manifest.h"

#include "documents.h"

static int parse(const char *text, const char *type, struct manifest **ret, struct fault *why)
{
    return manifest_parse(text_of(text), type, ret, why);
}

static void an_artifact_is_read(void **state)
{
    AUTO(manifest_free) struct manifest *manifest = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(
        parse("{\"schemaVersion\":2,\"config\":" DESCRIPTOR(WASM_CONFIG, D1) ",\"layers\":[{"
              "\"mediaType\":\"application/wasm\",\"digest\":\"" D2 "\",\"size\":9007199254740992,"
              "\"annotations\":{\"org.opencontainers.image.title\":\"a.wasm\"},\"urls\":null}],"
              "\"annotations\":{\"k\":\"v\"},\"artifactType\":\"a/b\",\"unknown\":[1]}",
              MEDIA_TYPE_MANIFEST, &manifest, &why),
        0);
    assert_int_equal(manifest->kind, MANIFEST_IMAGE);
    assert_string_equal(manifest->media_type, MEDIA_TYPE_MANIFEST);
    assert_string_equal(manifest->artifact_type, "a/b");
    assert_string_equal(manifest->config.media_type, WASM_CONFIG);
    assert_int_equal(manifest->count, 1);
    assert_string_equal(manifest->items[0].title, "a.wasm");
    assert_string_equal(manifest->items[0].digest.text, D2);
    assert_true(manifest->items[0].size == 9007199254740992ULL);
}

static void the_shape_decides_when_no_type_is_given(void **state)
{
    AUTO(manifest_free) struct manifest *image = NULL;
    AUTO(manifest_free) struct manifest *index = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(parse("{\"schemaVersion\":2,\"config\":" DESCRIPTOR(WASM_CONFIG, D1)
                           ",\"layers\":[]}", "", &image, &why), 0);
    assert_int_equal(image->kind, MANIFEST_IMAGE);
    assert_int_equal(parse("{\"schemaVersion\":2,\"manifests\":[]}", "", &index, &why), 0);
    assert_int_equal(index->kind, MANIFEST_INDEX);
}

static void every_wrong_document_is_refused_with_its_reason(void **state)
{
    static const struct row {
        const char *text;
        const char *type;
        const char *sentence;
    } rows[] = {
        {"[]", "", "manifest must be an object"},
        {"{}", "", "manifest.schemaVersion is missing"},
        {"{\"schemaVersion\":\"2\"}", "",
         "manifest.schemaVersion must be a whole number, not a string"},
        {"{\"schemaVersion\":1}", "",
         "manifest.schemaVersion must be 2; schema 1 is not read"},
        {"{\"schemaVersion\":2}", "",
         "a manifest must hold config and layers, and no manifests"},
        {MANIFEST(WASM_CONFIG, WASM), MEDIA_TYPE_INDEX,
         "the manifest came as application/vnd.oci.image.index.v1+json but calls itself "
         "application/vnd.oci.image.manifest.v1+json"},
        {"{\"schemaVersion\":2,\"mediaType\":\"text/html\"}", "",
         "text/html is no image manifest"},
        {"{\"schemaVersion\":2,\"mediaType\":\"\\u001b[31m\"}", "",
         "the manifest's mediaType is not a media type"},
        {"{\"schemaVersion\":2,\"manifests\":[],\"layers\":[],\"config\":{}}", "",
         "an index must hold manifests, and neither config nor layers"},
        {MANIFEST(WASM_CONFIG, "{}"), "", "manifest.layers[].mediaType is missing"},
        {MANIFEST(WASM_CONFIG, "null"), "", "manifest.layers[] must be an object"},
        {MANIFEST(WASM_CONFIG, "{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":-1}"), "",
         "manifest.layers[].size must be from 0 to 9223372036854775807, not -1"},
        {MANIFEST(WASM_CONFIG, "{\"mediaType\":\"a/b\",\"digest\":\"md5:1\",\"size\":1}"), "",
         "read manifest.layers[].digest: digests are sha256 or sha512, not md5"},
        {MANIFEST(WASM_CONFIG, "{\"mediaType\":\"a\",\"digest\":\"" D1 "\",\"size\":1}"), "",
         "manifest.layers[] is not a media type"},
        {MANIFEST(WASM_CONFIG, "{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":1,"
                               "\"annotations\":{\"a\":1}}"), "",
         "manifest.layers[].annotations hold something that is not a string"},
        {INDEX("{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":1,\"platform\":{"
               "\"os\":\"li nux\",\"architecture\":\"x\"}}"), "",
         "manifest.manifests[].platform holds bytes that no name of a platform has"},
        {"{\"schemaVersion\":1,\"mediaType\":"
         "\"application/vnd.docker.distribution.manifest.v1+json\"}", "",
         "manifest.schemaVersion must be 2; schema 1 is not read"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct manifest *manifest = NULL;
        struct fault why = {0};

        assert_true(parse(rows[i].text, rows[i].type, &manifest, &why) < 0);
        assert_null(manifest);
        assert_string_equal(why.text, rows[i].sentence);
    }
}

static void manifest_bombs_meet_their_limits(void **state)
{
    AUTO(buf_fini) struct buf bomb = BUF(8 * 1024 * 1024);
    AUTO(manifest_free) struct manifest *manifest = NULL;
    struct fault why = {0};

    (void)state;
    buf_print(&bomb, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s",
              DESCRIPTOR(WASM_CONFIG, D1), WASM);
    for (int i = 0; i < MANIFEST_LAYERS_MAX; i++) {
        buf_print(&bomb, ",%s", WASM);
    }
    buf_print(&bomb, "]}");
    assert_true(manifest_parse((struct text){(char *)bomb.data, bomb.length}, "", &manifest,
                               &why) < 0);
    assert_string_equal(why.text, "manifest.layers has 257 entries; at most 256 are accepted");

    bomb.length = 0;
    for (int i = 0; i < 100000; i++) {
        buf_put_u8(&bomb, '[');
    }
    assert_true(manifest_parse((struct text){(char *)bomb.data, bomb.length}, "", &manifest,
                               &why) < 0);
    assert_string_equal(why.text, "the manifest is nested deeper than 64 levels");

    while (bomb.length <= MANIFEST_BYTES_MAX) {
        buf_print(&bomb, "                                                                      ");
    }
    assert_true(manifest_parse((struct text){(char *)bomb.data, bomb.length}, "", &manifest,
                               &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
}

static size_t choose(const char *text, enum manifest_taste taste, char *order)
{
    AUTO(manifest_free) struct manifest *index = NULL;
    size_t chosen[MANIFEST_ENTRIES_MAX];
    struct fault why = {0};
    size_t count = 0;

    assert_int_equal(parse(text, "", &index, &why), 0);
    manifest_choose(index, taste, chosen, &count);
    for (size_t i = 0; i < count; i++) {
        order[i] = index->items[chosen[i]].digest.text[7];
    }
    order[count] = '\0';
    return count;
}

static void this_machine_and_a_person_choose_differently(void **state)
{
    static const char format[] =
        "{\"schemaVersion\":2,\"manifests\":[" ENTRY(D1, "windows", "amd64") ","
        ENTRY("sha256:4444444444444444444444444444444444444444444444444444444444444444", "wasip1",
              "wasm") "," ENTRY(D2, "wasip2", "wasm") ","
        "{\"mediaType\":\"a/b\",\"digest\":\""
        "sha256:5555555555555555555555555555555555555555555555555555555555555555\",\"size\":1},"
        ENTRY("sha256:6666666666666666666666666666666666666666666666666666666666666666",
              "unknown", "unknown") ",{\"mediaType\":\"a/b\",\"digest\":\"" D3 "\",\"size\":1,"
        "\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\",\"variant\":\"v8\"}}]}";
    char text[4096];
    char order[16];

    (void)state;
    (void)snprintf(text, sizeof(text), format, manifest_host_architecture());
    assert_int_equal(choose(text, MANIFEST_FOR_HOST, order), 4);
    assert_string_equal(order, "3524");
    assert_int_equal(choose(text, MANIFEST_FOR_WASM, order), 4);
    assert_string_equal(order, "2453");
}

static void attestations_are_never_chosen(void **state)
{
    char order[16];

    (void)state;
    assert_int_equal(
        choose(INDEX("{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":"
                     "\"" D1 "\",\"size\":1,\"annotations\":{\"vnd.docker.reference.type\":"
                     "\"attestation-manifest\"}}," ENTRY(D2, "wasi", "wasm")),
               MANIFEST_FOR_HOST, order), 1);
    assert_string_equal(order, "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_artifact_is_read),
        cmocka_unit_test(the_shape_decides_when_no_type_is_given),
        cmocka_unit_test(every_wrong_document_is_refused_with_its_reason),
        cmocka_unit_test(manifest_bombs_meet_their_limits),
        cmocka_unit_test(this_machine_and_a_person_choose_differently),
        cmocka_unit_test(attestations_are_never_chosen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
