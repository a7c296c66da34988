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
#include "oci/pack.h"
#include "oci/unpack.h"

#define COMPONENT "\0asm\x0d\0\1\0"

/* One entry: header, content, filling. */
static void put_entry(struct buf *out, const char *prefix, const char *name, char type,
                      const char *content)
{
    uint8_t header[512] = {0};
    static const uint8_t zeros[512] = {0};
    size_t length = strlen(content);
    unsigned sum = 0;

    memcpy(header, name, strlen(name));
    (void)snprintf((char *)header + 124, 12, "%011zo", length);
    memset(header + 148, ' ', 8);
    header[156] = (uint8_t)type;
    memcpy(header + 257, "ustar\00000", 8);
    memcpy(header + 345, prefix, strlen(prefix));
    for (size_t i = 0; i < sizeof(header); i++) {
        sum += header[i];
    }
    (void)snprintf((char *)header + 148, 7, "%06o", sum);
    buf_put(out, header, sizeof(header));
    buf_put(out, content, length);
    buf_put(out, zeros, length % 512 == 0 ? 0 : 512 - length % 512);
}

static struct cursor over(const struct buf *buf)
{
    return cursor_over(buf->data, buf->length);
}

static void a_file_is_found_however_its_path_begins(void **state)
{
    static const char *const stored[] = {"app.wasm", "./app.wasm", "/app.wasm"};
    static const char *const asked[] = {"app.wasm", "./app.wasm", "/app.wasm"};

    (void)state;
    for (size_t i = 0; i < 9; i++) {
        AUTO(buf_fini) struct buf tar = BUF(8192);
        struct text file = {0};

        put_entry(&tar, "", "other", '0', "x");
        put_entry(&tar, "", stored[i / 3], '0', "content");
        assert_true(unpack_find(over(&tar), asked[i % 3], &file));
        assert_true(text_is(file, "content"));
    }
}

static void prefixes_folders_and_links_are_told_apart(void **state)
{
    AUTO(buf_fini) struct buf tar = BUF(8192);
    struct text file = {0};

    (void)state;
    put_entry(&tar, "", "bin/", '5', "");
    put_entry(&tar, "", "app", '2', "");
    put_entry(&tar, "./bin", "app", '0', "behind a prefix");
    assert_false(unpack_find(over(&tar), "/app", &file));
    assert_false(unpack_find(over(&tar), "/bin/", &file));
    assert_false(unpack_find(over(&tar), "", &file));
    assert_true(unpack_find(over(&tar), "/bin/app", &file));
    assert_true(text_is(file, "behind a prefix"));
}

static void the_last_of_a_name_counts(void **state)
{
    AUTO(buf_fini) struct buf tar = BUF(8192);
    struct text file = {0};

    (void)state;
    put_entry(&tar, "", "a", '0', "old");
    put_entry(&tar, "", "a", '0', "new");
    assert_true(unpack_find(over(&tar), "a", &file));
    assert_true(text_is(file, "new"));
}

static void what_is_cut_or_damaged_is_not_found(void **state)
{
    AUTO(buf_fini) struct buf tar = BUF(8192);
    struct text file = {0};

    (void)state;
    put_entry(&tar, "", "a", '0', "content");
    for (size_t length = 0; length < 519; length++) {
        assert_false(unpack_find(cursor_over(tar.data, length), "a", &file));
    }
    tar.data[0] = 'b'; /* the sum of the header is another one now */
    assert_false(unpack_find(over(&tar), "b", &file));
}

static void what_pack_makes_is_found(void **state)
{
    AUTO(packed_free) struct packed *packed = NULL;
    const struct pack_plan plan = {.form = FORM_TAR, .wasm = {COMPONENT, 8}, .name = "app.wasm"};
    struct text file = {0};
    struct fault why = {0};

    (void)state;
    assert_int_equal(pack(&plan, &packed, &why), 0);
    assert_true(unpack_find(cursor_over(packed->layer.bytes.at, packed->layer.bytes.length),
                            "/app.wasm", &file));
    assert_int_equal(file.length, 8);
    assert_memory_equal(file.at, COMPONENT, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_found_however_its_path_begins),
        cmocka_unit_test(prefixes_folders_and_links_are_told_apart),
        cmocka_unit_test(the_last_of_a_name_counts),
        cmocka_unit_test(what_is_cut_or_damaged_is_not_found),
        cmocka_unit_test(what_pack_makes_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
