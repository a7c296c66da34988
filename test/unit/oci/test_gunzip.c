/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "oci/gunzip.h"

/* "hello, hello, hello", by Python's gzip.compress(…, mtime=0) */
static const uint8_t packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51, 0xc8, 0x40, 0xa2,
                                 0x00, 0x9f, 0xa1, 0xca, 0x09, 0x13, 0x00, 0x00, 0x00};

static void expect(int file, const char *text)
{
    char bytes[64];

    assert_int_equal(pread(file, bytes, sizeof(bytes), 0), strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static void a_file_comes_out(void **state)
{
    AUTO(fd_close) int file = fs_memory_new("out");
    struct fault why = {0};

    (void)state;
    assert_int_equal(gunzip(cursor_over(packed, sizeof(packed)), 19, file, &why), 0);
    expect(file, "hello, hello, hello");
}

static void members_behind_each_other_are_one_file(void **state)
{
    AUTO(fd_close) int file = fs_memory_new("out");
    uint8_t twice[2 * sizeof(packed)];
    struct fault why = {0};

    (void)state;
    memcpy(twice, packed, sizeof(packed));
    memcpy(twice + sizeof(packed), packed, sizeof(packed));
    assert_int_equal(gunzip(cursor_over(twice, sizeof(twice)), 100, file, &why), 0);
    expect(file, "hello, hello, hellohello, hello, hello");
}

static void more_than_the_limit_does_not_come_out(void **state)
{
    AUTO(fd_close) int file = fs_memory_new("out");
    struct fault why = {0};

    (void)state;
    assert_true(gunzip(cursor_over(packed, sizeof(packed)), 18, file, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    assert_int_equal(lseek(file, 0, SEEK_END), 0);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length < sizeof(packed); length++) {
        AUTO(fd_close) int file = fs_memory_new("out");
        struct fault why = {0};

        assert_true(gunzip(cursor_over(packed, length), 100, file, &why) < 0);
        assert_string_equal(why.text, "the compressed layer is damaged: it is cut short");
    }
}

static void damage_is_refused(void **state)
{
    (void)state;
    for (size_t at = 10; at < sizeof(packed); at++) {
        AUTO(fd_close) int file = fs_memory_new("out");
        uint8_t bytes[sizeof(packed)];
        struct fault why = {0};

        memcpy(bytes, packed, sizeof(packed));
        bytes[at] ^= 0xff;
        assert_true(gunzip(cursor_over(bytes, sizeof(bytes)), 1 << 20, file, &why) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_comes_out),
        cmocka_unit_test(members_behind_each_other_are_one_file),
        cmocka_unit_test(more_than_the_limit_does_not_come_out),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(damage_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
