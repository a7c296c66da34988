/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "oci/reference.h"

#define SHA256 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static int parse(const char *text, struct reference *ret, struct fault *why)
{
    return reference_parse(text_of(text), ret, why);
}

static void every_part_is_found(void **state)
{
    static const struct row {
        const char *text;
        struct reference parts;
    } rows[] = {
        {"ghcr.io/acme/app", {"ghcr.io", "acme/app", "", ""}},
        {"ghcr.io/acme/app:1.0_b-2", {"ghcr.io", "acme/app", "1.0_b-2", ""}},
        {"ghcr.io/acme/app@" SHA256, {"ghcr.io", "acme/app", "", SHA256}},
        {"localhost/a:1@" SHA256, {"localhost", "a", "1", SHA256}},
        {"localhost:5000/a/b__c/d--e.f", {"localhost:5000", "a/b__c/d--e.f", "", ""}},
        {"[::1]:5000/a:latest", {"[::1]:5000", "a", "latest", ""}},
        {"[fd00::a]/a", {"[fd00::a]", "a", "", ""}},
        {"docker.io/nginx:1", {"docker.io", "library/nginx", "1", ""}},
        {"docker.io/acme/nginx", {"docker.io", "acme/nginx", "", ""}},
        {"Host-1.Example:1/a", {"Host-1.Example:1", "a", "", ""}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct reference parts;
        struct fault why = {0};

        assert_int_equal(parse(rows[i].text, &parts, &why), 0);
        assert_string_equal(parts.registry, rows[i].parts.registry);
        assert_string_equal(parts.repository, rows[i].parts.repository);
        assert_string_equal(parts.tag, rows[i].parts.tag);
        assert_string_equal(parts.digest, rows[i].parts.digest);
    }
}

static void what_is_no_reference_is_refused(void **state)
{
    static const char *const wrong[] = {
        "", "nginx", "acme/app:1", "ghcr.io", "ghcr.io/", "/a", "ghcr.io/A", "ghcr.io/a//b",
        "ghcr.io/a/", "ghcr.io/a_", "ghcr.io/a___b", "ghcr.io/a..b", "ghcr.io/-a", "ghcr.io/a:",
        "ghcr.io/a:.1", "ghcr.io/a:-1", "ghcr.io/a:1+2", "ghcr.io/a@", "ghcr.io/a@sha256:00",
        "ghcr.io/a@md5:00", "ghcr.io:0/a", "ghcr.io:65536/a", "ghcr.io:/a", "ghcr.io:x/a",
        "-a.io/a", "a-.io/a", "a..io/a", ".io/a", "[::1/a", "[]:1/a", "[::g]/a", "[::1]5/a",
        "ghcr.io/a b", "ghcr.io/a\n", "ghcr.io/\xc3\xa4", "[12]:1/a", "a.io/b:1:2",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct reference parts = {.tag = "untouched"};
        struct fault why = {0};

        if (parse(wrong[i], &parts, &why) >= 0) {
            fail_msg("%s was taken for a reference", wrong[i]);
        }
        assert_string_equal(parts.tag, "untouched");
        assert_true(why.kind == FAULT_INVALID || why.kind == FAULT_UNSUPPORTED);
    }
}

static void a_short_name_is_told_how_to_write_it(void **state)
{
    struct reference parts;
    struct fault why = {0};

    (void)state;
    assert_true(parse("nginx:1", &parts, &why) < 0);
    assert_string_equal(why.text,
                        "nginx:1 names no registry; write docker.io/nginx:1 if that is meant");
}

/* registry "a.io", then one repository so that both and the slash have @bytes. */
static void long_name(char *room, size_t bytes)
{
    memcpy(room, "a.io/", 5);
    memset(room + 5, 'b', bytes - 5);
    room[bytes] = '\0';
}

static void names_and_tags_have_their_limits(void **state)
{
    char text[512];
    struct reference parts;
    struct fault why = {0};

    (void)state;
    long_name(text, 255);
    assert_int_equal(parse(text, &parts, &why), 0);
    long_name(text, 256);
    assert_true(parse(text, &parts, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    memcpy(text, "a.io/b:", 7);
    memset(text + 7, 'c', 129);
    text[7 + 128] = '\0';
    assert_int_equal(parse(text, &parts, &why), 0);
    text[7 + 128] = 'c';
    text[7 + 129] = '\0';
    assert_true(parse(text, &parts, &why) < 0);
}

static void the_longest_reference_prints_and_parses(void **state)
{
    char text[REFERENCE_TEXT_MAX + 8];
    char printed[REFERENCE_TEXT_MAX + 1];
    struct reference parts;
    struct fault why = {0};

    (void)state;
    long_name(text, 255);
    text[255] = ':';
    memset(text + 256, 'c', 128);
    memcpy(text + 384, "@sha512:", 8);
    memset(text + 392, 'f', 128);
    text[520] = '\0';
    assert_int_equal(parse(text, &parts, &why), 0);
    reference_print(&parts, printed);
    assert_string_equal(printed, text);
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_true(parse(text, &parts, &why) < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
}

static void the_target_is_the_digest_then_the_tag_then_latest(void **state)
{
    struct reference parts;
    struct fault why = {0};

    (void)state;
    assert_int_equal(parse("a.io/b:1@" SHA256, &parts, &why), 0);
    assert_string_equal(reference_target(&parts), SHA256);
    assert_int_equal(parse("a.io/b:1", &parts, &why), 0);
    assert_string_equal(reference_target(&parts), "1");
    assert_int_equal(parse("a.io/b", &parts, &why), 0);
    assert_string_equal(reference_target(&parts), "latest");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_found),
        cmocka_unit_test(what_is_no_reference_is_refused),
        cmocka_unit_test(a_short_name_is_told_how_to_write_it),
        cmocka_unit_test(names_and_tags_have_their_limits),
        cmocka_unit_test(the_longest_reference_prints_and_parses),
        cmocka_unit_test(the_target_is_the_digest_then_the_tag_then_latest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
