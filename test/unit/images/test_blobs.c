/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "oci/images/blobs.h"
#include "oci/images/reader.h"

#include "fake_store.h"

static const char wasm[] = "\0asm\x0d\0\1\0 and the rest of it";
enum { WASM_LENGTH = sizeof(wasm) - 1 };

static struct digest_name name_of(const char *bytes, size_t length)
{
    struct digest_name name;

    digest_name_of(bytes, length, &name);
    return name;
}

static void documents_come_from_streams_and_from_files(void **state)
{
    (void)state;
    for (int as_files = 0; as_files < 2; as_files++) {
        struct fake_store fake = {.as_files = as_files == 1};
        AUTO(blobs_free) struct blobs *blobs = blobs_new(fake_store(&fake), 1000);
        AUTO(buf_fini) struct buf bytes = BUF(100);
        struct digest_name name = name_of("some document", 13);
        const struct blob blob = {"the manifest", &name, 13};
        struct fault why = {0};

        (void)fake_add_blob(&fake, "some document", 13);
        assert_int_equal(blobs_document(blobs, "ns", &blob, &bytes, &why), 0);
        assert_int_equal(bytes.length, 13);
        assert_memory_equal(bytes.data, "some document", 13);
    }
}

static void a_wrong_size_is_told_apart_from_wrong_bytes(void **state)
{
    struct fake_store fake = {.as_files = false};
    AUTO(blobs_free) struct blobs *blobs = blobs_new(fake_store(&fake), 1000);
    AUTO(buf_fini) struct buf bytes = BUF(100);
    struct digest_name name = name_of("some document", 13);
    struct blob blob = {"the manifest", &name, 12};
    struct fault why = {0};

    (void)state;
    (void)fake_add_blob(&fake, "some document", 13);
    assert_true(blobs_document(blobs, "ns", &blob, &bytes, &why) < 0);
    assert_non_null(strstr(why.text, "is longer than the 12 bytes that were promised"));
    blob.size = 14;
    assert_true(blobs_document(blobs, "ns", &blob, &bytes, &why) < 0);
    assert_non_null(strstr(why.text, "has 13 bytes instead of the promised 14"));
    blob.size = 101;
    assert_true(blobs_document(blobs, "ns", &blob, &bytes, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    blob.size = 13;
    fake.blobs[0].bytes = "SOME DOCUMENT";
    assert_true(blobs_document(blobs, "ns", &blob, &bytes, &why) < 0);
    assert_non_null(strstr(why.text, "the manifest should be sha256:"));
    assert_int_equal(why.kind, FAULT_INVALID);
}

static void a_component_is_sealed_and_read_once(void **state)
{
    struct fake_store fake = {.as_files = true};
    AUTO(blobs_free) struct blobs *blobs = blobs_new(fake_store(&fake), 1000);
    struct digest_name name = name_of(wasm, WASM_LENGTH);
    const struct blob blob = {"the layer", &name, WASM_LENGTH};
    AUTO(fd_close) int first = -1;
    AUTO(fd_close) int second = -1;
    struct stat about[2];
    struct fault why = {0};
    char bytes[WASM_LENGTH];

    (void)state;
    (void)fake_add_blob(&fake, wasm, WASM_LENGTH);
    assert_int_equal(blobs_component(blobs, "ns", &blob, &first, &why), 0);
    assert_int_equal(blobs_component(blobs, "other", &blob, &second, &why), 0);
    assert_int_equal(fake.reads, 1);
    assert_int_equal(fstat(first, &about[0]), 0);
    assert_int_equal(fstat(second, &about[1]), 0);
    assert_true(about[0].st_ino == about[1].st_ino);
    assert_true(write(first, "x", 1) < 0);
    assert_int_equal(pread(second, bytes, WASM_LENGTH, 0), WASM_LENGTH);
    assert_memory_equal(bytes, wasm, WASM_LENGTH);
    blobs_forget(blobs);
    second = fd_close(second);
    assert_int_equal(blobs_component(blobs, "ns", &blob, &second, &why), 0);
    assert_int_equal(fake.reads, 2);
}

static void what_is_no_wasm_is_not_kept(void **state)
{
    struct fake_store fake = {.as_files = false};
    AUTO(blobs_free) struct blobs *blobs = blobs_new(fake_store(&fake), 1000);
    struct digest_name name = name_of("#!/bin/sh\n", 10);
    const struct blob blob = {"the layer", &name, 10};
    struct fault why = {0};
    int fd = -1;

    (void)state;
    (void)fake_add_blob(&fake, "#!/bin/sh\n", 10);
    for (int i = 0; i < 2; i++) {
        assert_true(blobs_component(blobs, "ns", &blob, &fd, &why) < 0);
        assert_non_null(strstr(why.text, "is not WebAssembly"));
        assert_int_equal(fd, -1);
    }
    assert_int_equal(fake.reads, 2);
}

static void the_last_used_are_kept_within_the_limit(void **state)
{
    static char bytes[3][40];
    struct fake_store fake = {.as_files = true};
    AUTO(blobs_free) struct blobs *blobs = blobs_new(fake_store(&fake), 80);
    struct digest_name names[3];
    static const size_t order[] = {0, 1, 0, 2, 0, 1}; /* 2 pushes out 1, not 0 */
    struct fault why = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        memcpy(bytes[i], wasm, 8);
        bytes[i][39] = (char)('a' + i);
        names[i] = name_of(bytes[i], 40);
        (void)fake_add_blob(&fake, bytes[i], 40);
    }
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        const struct blob blob = {"the layer", &names[order[i]], 40};
        int fd = -1;

        assert_int_equal(blobs_component(blobs, "ns", &blob, &fd, &why), 0);
        (void)fd_close(fd);
    }
    assert_int_equal(fake.reads, 4);
}

static void limits_are_checked_before_reading(void **state)
{
    struct fake_store fake = {.as_files = true};
    AUTO(blobs_free) struct blobs *blobs = blobs_new(fake_store(&fake), 80);
    struct digest_name name = name_of(wasm, WASM_LENGTH);
    const struct blob large = {"the layer", &name, (uint64_t)IMAGE_BYTES_MAX + 1};
    struct digest_name other = {.kind = DIGEST_SHA512};
    const struct blob long_name = {"the layer", &other, 3};
    struct fault why = {0};
    int fd = -1;

    (void)state;
    assert_true(blobs_component(blobs, "ns", &large, &fd, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    assert_true(blobs_component(blobs, "ns", &long_name, &fd, &why) < 0);
    assert_int_equal(why.kind, FAULT_UNSUPPORTED);
    assert_int_equal(fake.reads, 0);
}

static void a_file_is_copied_and_named(void **state)
{
    struct fake_store fake = {.as_files = true};
    AUTO(blobs_free) struct blobs *blobs = blobs_new(fake_store(&fake), 1000);
    AUTO(fd_close) int file = fs_memory("file", wasm, WASM_LENGTH);
    AUTO(fd_close) int script = fs_memory("file", "#!/bin/sh\n", 10);
    AUTO(fd_close) int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(fd_close) int copy = -1;
    struct digest_name wanted = name_of(wasm, WASM_LENGTH);
    struct digest_name name = {.text = ""};
    struct fault why = {0};
    int none = -1;

    (void)state;
    assert_int_equal(blobs_file(blobs, file, &name, &copy, &why), 0);
    assert_string_equal(name.text, wanted.text);
    assert_true(blobs_file(blobs, script, &name, &none, &why) < 0);
    assert_non_null(strstr(why.text, "is not WebAssembly"));
    assert_true(blobs_file(blobs, folder, &name, &none, &why) < 0);
    assert_string_equal(why.text, "what should be a component is not a file");
    assert_int_equal(none, -1);
}

struct asker {
    struct blobs *blobs;
    const struct blob *blob;
    pthread_barrier_t *started;
    int fd;
    int done;
};

static void *ask(void *owner)
{
    struct asker *asker = (struct asker *)owner;
    struct fault why = {0};

    (void)pthread_barrier_wait(asker->started);
    asker->done = blobs_component(asker->blobs, "ns", asker->blob, &asker->fd, &why);
    return NULL;
}

static void many_at_once_read_once(void **state)
{
    struct fake_store fake = {.as_files = true};
    AUTO(blobs_free) struct blobs *blobs = blobs_new(fake_store(&fake), 1000);
    struct digest_name name = name_of(wasm, WASM_LENGTH);
    const struct blob blob = {"the layer", &name, WASM_LENGTH};
    pthread_barrier_t started;
    pthread_t threads[8];
    struct asker askers[8];

    (void)state;
    (void)fake_add_blob(&fake, wasm, WASM_LENGTH);
    assert_int_equal(pthread_barrier_init(&started, NULL, 8), 0);
    for (size_t i = 0; i < 8; i++) {
        askers[i] = (struct asker){blobs, &blob, &started, -1, -1};
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(askers[i].done, 0);
        (void)fd_close(askers[i].fd);
    }
    (void)pthread_barrier_destroy(&started);
    assert_int_equal(fake.reads, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_come_from_streams_and_from_files),
        cmocka_unit_test(a_wrong_size_is_told_apart_from_wrong_bytes),
        cmocka_unit_test(a_component_is_sealed_and_read_once),
        cmocka_unit_test(what_is_no_wasm_is_not_kept),
        cmocka_unit_test(the_last_used_are_kept_within_the_limit),
        cmocka_unit_test(limits_are_checked_before_reading),
        cmocka_unit_test(a_file_is_copied_and_named),
        cmocka_unit_test(many_at_once_read_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
