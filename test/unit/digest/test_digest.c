/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fd.h"
#include "base/fs.h"

/* FIPS 180-4, the examples of one block, two blocks and nothing. */
static const struct known {
    const char *bytes;
    const char *hex;
} known[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void known_digests_come_out(void **state)
{
    char hex[DIGEST_HEX_ROOM];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        digest_bytes(known[i].bytes, strlen(known[i].bytes), hex);
        assert_string_equal(hex, known[i].hex);
    }
}

static void parts_give_the_digest_of_the_whole(void **state)
{
    AUTO(digest_free) struct digest *digest = digest_new();
    char hex[DIGEST_HEX_ROOM];

    (void)state;
    digest_add(digest, "a", 1);
    digest_add(digest, "", 0);
    digest_add(digest, "bc", 2);
    digest_end(digest, hex);
    assert_string_equal(hex, known[1].hex);
}

static void a_file_is_read_from_its_start_whatever_its_offset(void **state)
{
    AUTO(fd_close) int fd = fs_memory("abc", "abc", 3);
    char hex[DIGEST_HEX_ROOM];

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
    assert_int_equal(digest_file(fd, 3, hex), 0);
    assert_string_equal(hex, known[1].hex);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 2);
}

static void a_file_above_the_limit_is_refused(void **state)
{
    AUTO(fd_close) int fd = fs_memory("abc", "abc", 3);
    char hex[DIGEST_HEX_ROOM];

    (void)state;
    assert_int_equal(digest_file(fd, 2, hex), -EFBIG);
    assert_int_equal(digest_file(-1, 2, hex), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests_come_out),
        cmocka_unit_test(parts_give_the_digest_of_the_whole),
        cmocka_unit_test(a_file_is_read_from_its_start_whatever_its_offset),
        cmocka_unit_test(a_file_above_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
