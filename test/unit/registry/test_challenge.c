/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/base64.h"
#include "base/text.h"
#include "oci/registry/challenge.h"

static void commas_inside_quotes_separate_nothing(void **state)
{
    struct challenge challenge;

    (void)state;
    challenge_parse(text_of("Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a/b:pull,push\""),
                    &challenge);
    assert_true(challenge.bearer && !challenge.basic);
    assert_string_equal(challenge.realm, "https://a/t");
    assert_string_equal(challenge.service, "s");
    assert_string_equal(challenge.scope, "repository:a/b:pull,push");
}

static void several_challenges_share_a_header(void **state)
{
    struct challenge challenge;

    (void)state;
    challenge_parse(text_of("Negotiate abc==, basic realm=\"x\", BEARER Realm = t , error=\"e\""), &challenge);
    assert_true(challenge.bearer && challenge.basic);
    assert_string_equal(challenge.realm, "t");
    challenge_parse(text_of("Basic realm=\"only\""), &challenge);
    assert_true(challenge.basic && !challenge.bearer);
    assert_string_equal(challenge.realm, "");
}

static void a_value_that_is_too_long_or_never_ends_is_no_value(void **state)
{
    char header[CHALLENGE_VALUE_MAX + 64] = "Bearer service=s,realm=\"";
    struct challenge challenge;

    (void)state;
    memset(header + strlen(header), 'a', CHALLENGE_VALUE_MAX);
    header[CHALLENGE_VALUE_MAX + 40] = '"';
    challenge_parse(text_of(header), &challenge);
    assert_string_equal(challenge.realm, "");
    assert_string_equal(challenge.service, "s");
    challenge_parse(text_of("Bearer realm=\"abc"), &challenge);
    assert_string_equal(challenge.realm, "");
}

static void base64_is_that_of_the_rfc(void **state)
{
    static const char *const rows[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(buf_fini) struct buf text = BUF(64);
        AUTO(buf_fini) struct buf back = BUF(64);

        base64_encode(text_of(rows[i][0]), &text);
        assert_int_equal(text.length, strlen(rows[i][1]));
        assert_memory_equal(text.length > 0 ? (const char *)text.data : "", rows[i][1], text.length);
        assert_true(base64_decode(text_of(rows[i][1]), &back));
        assert_memory_equal(back.length > 0 ? (const char *)back.data : "", rows[i][0], back.length);
        assert_int_equal(back.length, strlen(rows[i][0]));
    }
}

static void what_is_no_base64_is_refused(void **state)
{
    AUTO(buf_fini) struct buf back = BUF(64);

    (void)state;
    assert_false(base64_decode(text_of("Zg=!"), &back));
    assert_false(base64_decode(text_of("Zm9vY"), &back));
    assert_false(base64_decode(text_of("===="), &back));
}

static void more_than_fits_is_not_decoded(void **state)
{
    AUTO(buf_fini) struct buf exact = BUF(3);
    AUTO(buf_fini) struct buf small = BUF(2);

    (void)state;
    assert_true(base64_decode(text_of("Zm9v"), &exact));
    assert_false(base64_decode(text_of("Zm9v"), &small));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_inside_quotes_separate_nothing),
        cmocka_unit_test(several_challenges_share_a_header),
        cmocka_unit_test(a_value_that_is_too_long_or_never_ends_is_no_value),
        cmocka_unit_test(base64_is_that_of_the_rfc),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(more_than_fits_is_not_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
