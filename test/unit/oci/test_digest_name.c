/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/text.h"
#include "oci/digest.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_512                                                                                    \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fe" \
    "ebbd454d4423643ce80e2a9ac94fa54ca49f"

static void both_algorithms_are_read(void **state)
{
    struct digest_name name;
    struct fault why = {0};

    (void)state;
    assert_int_equal(digest_name_parse(text_of("sha256:" EMPTY), &name, &why), 0);
    assert_int_equal(name.kind, DIGEST_SHA256);
    assert_string_equal(digest_name_hex(&name), EMPTY);
    assert_int_equal(digest_name_parse(text_of("sha512:" ABC_512), &name, &why), 0);
    assert_int_equal(name.kind, DIGEST_SHA512);
    assert_string_equal(digest_name_hex(&name), ABC_512);
}

static void other_algorithms_are_named(void **state)
{
    struct digest_name name;
    struct fault why = {0};

    (void)state;
    assert_true(digest_name_parse(text_of("blake3:00"), &name, &why) < 0);
    assert_int_equal(why.kind, FAULT_UNSUPPORTED);
    assert_string_equal(why.text, "digests are sha256 or sha512, not blake3");
}

static void a_wrong_number_or_case_of_digits_is_refused(void **state)
{
    struct digest_name name;
    struct fault why = {0};
    char text[] = "sha256:" EMPTY;

    (void)state;
    assert_true(digest_name_parse((struct text){text, 70}, &name, &why) < 0);
    assert_int_equal(why.kind, FAULT_INVALID);
    text[7] = 'E';
    assert_true(digest_name_parse(text_of(text), &name, &why) < 0);
    assert_true(digest_name_parse(text_of("sha256"), &name, &why) < 0);
    assert_true(digest_name_parse(text_of(""), &name, &why) < 0);
}

static void bytes_are_compared_with_their_name(void **state)
{
    struct digest_name name;
    struct fault why = {0};

    (void)state;
    digest_name_of("", 0, &name);
    assert_string_equal(name.text, "sha256:" EMPTY);
    assert_int_equal(digest_name_check(&name, text_of(""), "the layer", &why), 0);
    assert_true(digest_name_check(&name, text_of("abc"), "the layer", &why) < 0);
    assert_string_equal(why.text, "the layer should be sha256:" EMPTY " but its bytes have sha256:"
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(digest_name_parse(text_of("sha512:" ABC_512), &name, &why), 0);
    assert_int_equal(digest_name_check(&name, text_of("abc"), "the layer", &why), 0);
    assert_true(digest_name_check(&name, text_of("abd"), "the layer", &why) < 0);
}

static void a_file_has_the_name_of_its_bytes(void **state)
{
    AUTO(fd_close) int fd = fs_memory("empty", "", 0);
    struct digest_name name;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(digest_name_of_file(fd, 10, &name), 0);
    assert_string_equal(name.text, "sha256:" EMPTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_algorithms_are_read),
        cmocka_unit_test(other_algorithms_are_named),
        cmocka_unit_test(a_wrong_number_or_case_of_digits_is_refused),
        cmocka_unit_test(bytes_are_compared_with_their_name),
        cmocka_unit_test(a_file_has_the_name_of_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
