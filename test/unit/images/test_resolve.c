/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/fd.h"
#include "oci/images/resolve.h"
#include "oci/manifest.h"

#include "fake_store.h"

static const char wasm[] = "\0asm\x0d\0\1\0 and the rest of it";
enum { WASM_LENGTH = sizeof(wasm) - 1, TEXT_MAX = 4096 };

#define WASM_CONFIG "application/vnd.wasm.config.v0+json"
#define IMAGE_CONFIG "application/vnd.oci.image.config.v1+json"
#define TAR "application/vnd.oci.image.layer.v1.tar"

/* A store, and the resolver over it. */
struct world {
    struct fake_store fake;
    struct blobs *blobs;
    struct resolver *resolver;
    char texts[16][TEXT_MAX];
    size_t count;
};

static int build(void **state)
{
    struct world *world = NEW(struct world);

    world->blobs = blobs_new(fake_store(&world->fake), 1000);
    world->resolver = resolver_new(fake_store(&world->fake), world->blobs);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = (struct world *)*state;

    (void)resolver_free(world->resolver);
    (void)blobs_free(world->blobs);
    free(world);
    return 0;
}

/* A manifest of one layer as a blob. Return: its digest. */
static const char *add_manifest(struct world *world, const char *config, const char *layer_type,
                                const char *layer, size_t length)
{
    char *text = world->texts[world->count++];
    const char *digest = fake_add_blob(&world->fake, layer, length);

    (void)snprintf(text, TEXT_MAX,
                   "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_TYPE_MANIFEST "\",\"config\":{"
                   "\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":2},\"layers\":[{"
                   "\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]}",
                   config, digest, layer_type, digest, length);
    return fake_add_blob(&world->fake, text, strlen(text));
}

static size_t length_of(const struct world *world)
{
    return strlen(world->texts[world->count - 1]);
}

static void add_artifact(struct world *world, const char *id, const char *image)
{
    const char *digest = add_manifest(world, WASM_CONFIG, "application/wasm", wasm, WASM_LENGTH);

    fake_add_image(&world->fake, image, MEDIA_TYPE_MANIFEST, digest, length_of(world));
    fake_add_container(&world->fake, id, image);
}

static void an_artifact_gives_its_layer(void **state)
{
    struct world *world = (struct world *)*state;
    struct image image = {.wasm = -1};
    struct digest_name name;
    struct fault why = {0};
    unsigned reads;

    add_artifact(world, "c1", "r.io/a:1");
    fake_add_container(&world->fake, "c2", "r.io/a:1");
    digest_name_of(wasm, WASM_LENGTH, &name);
    assert_int_equal(resolver_find(world->resolver, "ns", "c1", &image, &why), 0);
    assert_int_equal(image.form, IMAGE_ARTIFACT);
    assert_string_equal(image.component, name.text);
    assert_string_equal(image.manifest, world->fake.images[0].digest);
    assert_true(image.wasm >= 0);
    (void)fd_close(image.wasm);
    reads = world->fake.reads;
    assert_int_equal(resolver_find(world->resolver, "ns", "c2", &image, &why), 0);
    assert_int_equal(world->fake.reads, reads);
    (void)fd_close(image.wasm);
}

static void a_tar_image_and_no_image_give_no_bytes(void **state)
{
    struct world *world = (struct world *)*state;
    const char *digest = add_manifest(world, IMAGE_CONFIG, TAR, "tar", 3);
    struct image image = {.wasm = 7};
    struct fault why = {0};

    fake_add_image(&world->fake, "tar", MEDIA_TYPE_MANIFEST, digest, length_of(world));
    fake_add_container(&world->fake, "c1", "tar");
    fake_add_container(&world->fake, "c2", "");
    assert_int_equal(resolver_find(world->resolver, "ns", "c1", &image, &why), 0);
    assert_int_equal(image.form, IMAGE_TAR);
    assert_string_equal(image.manifest, digest);
    assert_string_equal(image.component, "");
    assert_int_equal(image.wasm, -1);
    assert_int_equal(resolver_find(world->resolver, "ns", "c2", &image, &why), 0);
    assert_int_equal(image.form, IMAGE_NONE);
    assert_string_equal(image.manifest, "");
}

/* An index of entries (digest, size, platform or NULL). */
static const char *add_index(struct world *world, const char *const (*entries)[3], size_t count)
{
    char *text = world->texts[world->count++];
    size_t length = (size_t)snprintf(text, TEXT_MAX, "{\"schemaVersion\":2,\"manifests\":[");

    for (size_t i = 0; i < count; i++) {
        length += (size_t)snprintf(
            text + length, TEXT_MAX - length, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\","
            "\"size\":%zu%s%s}", i > 0 ? "," : "",
            entries[i][2] ? entries[i][2] : MEDIA_TYPE_MANIFEST, entries[i][0],
            strlen(world->texts[i]), entries[i][1] ? ",\"platform\":" : "",
            entries[i][1] ? entries[i][1] : "");
    }
    (void)snprintf(text + length, TEXT_MAX - length, "]}");
    return fake_add_blob(&world->fake, text, strlen(text));
}

#define WASI "{\"os\":\"wasi\",\"architecture\":\"wasm\"}"
#define ABSENT "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static void of_an_index_the_first_entry_that_is_there_is_taken(void **state)
{
    struct world *world = (struct world *)*state;
    const char *artifact = add_manifest(world, WASM_CONFIG, "application/wasm", wasm, WASM_LENGTH);
    char host[128];
    const char *const entries[][3] = {{artifact, WASI, NULL}, {ABSENT, host, NULL}};
    const char *index = NULL;
    struct image image = {.wasm = -1};
    struct fault why = {0};

    (void)snprintf(host, sizeof(host), "{\"os\":\"linux\",\"architecture\":\"%s\"}",
                   manifest_host_architecture());
    (void)snprintf(world->texts[world->count++], TEXT_MAX, "absent");
    index = add_index(world, entries, 2);
    fake_add_image(&world->fake, "i", MEDIA_TYPE_INDEX, index, length_of(world));
    fake_add_container(&world->fake, "c1", "i");
    if (resolver_find(world->resolver, "ns", "c1", &image, &why) < 0) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(image.form, IMAGE_ARTIFACT);
    assert_string_equal(image.manifest, artifact);
    (void)fd_close(image.wasm);
}

static void an_index_with_nothing_that_is_there_is_said_so(void **state)
{
    struct world *world = (struct world *)*state;
    const char *const entries[][3] = {{ABSENT, WASI, NULL}};
    const char *index = NULL;
    struct image image = {.wasm = -1};
    struct fault why = {0};

    (void)snprintf(world->texts[world->count++], TEXT_MAX, "absent");
    index = add_index(world, entries, 1);
    fake_add_image(&world->fake, "i", MEDIA_TYPE_INDEX, index, length_of(world));
    fake_add_container(&world->fake, "c1", "i");
    assert_true(resolver_find(world->resolver, "ns", "c1", &image, &why) < 0);
    assert_int_equal(why.kind, FAULT_NOT_FOUND);
    assert_string_equal(why.text, "read image i: the content store holds no manifest of it for this "
                        "machine");
}

static void nested_indexes_end_somewhere(void **state)
{
    struct world *world = (struct world *)*state;
    const char *digest = add_manifest(world, WASM_CONFIG, "application/wasm", wasm, WASM_LENGTH);
    struct image image = {.wasm = -1};
    struct fault why = {0};

    for (int depth = 0; depth < 5; depth++) {
        char *text = world->texts[world->count];
        size_t size = strlen(world->texts[world->count - 1]);

        world->count++;
        (void)snprintf(text, TEXT_MAX, "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\","
                       "\"digest\":\"%s\",\"size\":%zu}]}",
                       depth == 0 ? MEDIA_TYPE_MANIFEST : MEDIA_TYPE_INDEX, digest, size);
        digest = fake_add_blob(&world->fake, text, strlen(text));
        fake_add_image(&world->fake, depth == 3 ? "four" : depth == 4 ? "five" : "less",
                       MEDIA_TYPE_INDEX, digest, strlen(text));
    }
    fake_add_container(&world->fake, "c4", "four");
    fake_add_container(&world->fake, "c5", "five");
    assert_int_equal(resolver_find(world->resolver, "ns", "c4", &image, &why), 0);
    (void)fd_close(image.wasm);
    assert_true(resolver_find(world->resolver, "ns", "c5", &image, &why) < 0);
    assert_string_equal(why.text, "read image five: indexes are followed 4 deep");
}

static void an_index_that_names_itself_often_is_cut_short(void **state)
{
    struct world *world = (struct world *)*state;
    static char wide[64 * 1024];
    size_t length = (size_t)snprintf(wide, sizeof(wide), "{\"schemaVersion\":2,\"manifests\":[");
    const char *leaf = NULL;
    const char *digest = NULL;
    struct image image = {.wasm = -1};
    struct fault why = {0};

    (void)snprintf(world->texts[world->count++], TEXT_MAX,
                   "{\"schemaVersion\":2,\"manifests\":[]}");
    leaf = fake_add_blob(&world->fake, world->texts[0], strlen(world->texts[0]));
    for (int i = 0; i < 100; i++) {
        length += (size_t)snprintf(wide + length, sizeof(wide) - length, "%s{\"mediaType\":\""
                                   MEDIA_TYPE_INDEX "\",\"digest\":\"%s\",\"size\":%zu}",
                                   i > 0 ? "," : "", leaf, strlen(world->texts[0]));
    }
    (void)snprintf(wide + length, sizeof(wide) - length, "]}");
    digest = fake_add_blob(&world->fake, wide, strlen(wide));
    fake_add_image(&world->fake, "wide", MEDIA_TYPE_INDEX, digest, strlen(wide));
    fake_add_container(&world->fake, "c1", "wide");
    assert_true(resolver_find(world->resolver, "ns", "c1", &image, &why) < 0);
    assert_string_equal(why.text, "read image wide: of one image at most 64 manifests are read");
}

static void each_missing_step_is_named(void **state)
{
    struct world *world = (struct world *)*state;
    struct image image = {.wasm = -1};
    struct fault why = {0};

    fake_add_container(&world->fake, "c1", "gone");
    assert_true(resolver_find(world->resolver, "ns", "c0", &image, &why) < 0);
    assert_string_equal(why.text, "find container c0: no such container");
    assert_true(resolver_find(world->resolver, "ns", "c1", &image, &why) < 0);
    assert_string_equal(why.text, "read image gone: no such image");
    assert_int_equal(why.kind, FAULT_NOT_FOUND);
}

static void a_layer_with_other_bytes_is_refused_every_time(void **state)
{
    struct world *world = (struct world *)*state;
    struct image image = {.wasm = -1};
    struct fault why = {0};

    add_artifact(world, "c1", "r.io/a:1");
    world->fake.blobs[0].bytes = "\0asm\x0d\0\1\0 and the rest of iT";
    for (int i = 0; i < 2; i++) {
        assert_true(resolver_find(world->resolver, "ns", "c1", &image, &why) < 0);
        assert_int_equal(why.kind, FAULT_INVALID);
        assert_non_null(strstr(why.text, "read image r.io/a:1: the layer should be sha256:"));
    }
}

static void a_manifest_under_a_wrong_type_is_refused(void **state)
{
    struct world *world = (struct world *)*state;
    const char *digest = add_manifest(world, WASM_CONFIG, "application/wasm", wasm, WASM_LENGTH);
    struct image image = {.wasm = -1};
    struct fault why = {0};

    fake_add_image(&world->fake, "a", MEDIA_TYPE_INDEX, digest, length_of(world));
    fake_add_container(&world->fake, "c1", "a");
    assert_true(resolver_find(world->resolver, "ns", "c1", &image, &why) < 0);
    assert_non_null(strstr(why.text, "but calls itself"));
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, build, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(an_artifact_gives_its_layer),
        WITH_WORLD(a_tar_image_and_no_image_give_no_bytes),
        WITH_WORLD(of_an_index_the_first_entry_that_is_there_is_taken),
        WITH_WORLD(an_index_with_nothing_that_is_there_is_said_so),
        WITH_WORLD(nested_indexes_end_somewhere),
        WITH_WORLD(an_index_that_names_itself_often_is_cut_short),
        WITH_WORLD(each_missing_step_is_named),
        WITH_WORLD(a_layer_with_other_bytes_is_refused_every_time),
        WITH_WORLD(a_manifest_under_a_wrong_type_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
