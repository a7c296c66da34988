/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "oci/binary.h"

#define COMPONENT "\0asm\x0d\0\1\0"
#define MODULE "\0asm\1\0\0\0"
#define READ(bytes, ret, why) binary_read(cursor_over((bytes), sizeof(bytes) - 1), (ret), (why))

static void a_component_gives_sorted_names(void **state)
{
    /* imports b:b/b (an instance of type 0) and a:a/a; exports wasi:cli/run@0.2.0 */
    static const char bytes[] = COMPONENT "\x0a\x13\2" "\0\5b:b/b\5\0" "\0\5a:a/a\5\0"
                                "\0\4\3abc" /* a custom section */
                                "\x0b\x18\1" "\0\x12wasi:cli/run@0.2.0\5\0\0";
    AUTO(binary_free) struct binary *binary = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(READ(bytes, &binary, &why), 0);
    assert_int_equal(binary->kind, BINARY_COMPONENT);
    assert_int_equal(binary->imports.count, 2);
    assert_true(text_is(binary->imports.names[0], "a:a/a"));
    assert_true(text_is(binary->imports.names[1], "b:b/b"));
    assert_int_equal(binary->exports.count, 1);
    assert_int_equal(binary_role(binary), BINARY_COMMAND);
}

static void every_sort_of_import_is_stepped_over(void **state)
{
    static const char bytes[] = COMPONENT "\x0a\x34\x09"
                                "\0\1a\0\x11\0" "\0\1b\1\0" "\0\1c\2\0\0" "\0\1d\2\1\x7f"
                                "\0\1e\3\0\0" "\0\1f\3\1" "\1\1g\4\0"
                                "\2\1h\1x\5\0"
                                "\0\1i\1\0";
    AUTO(binary_free) struct binary *binary = NULL;
    struct fault why = {0};

    (void)state;
    if (READ(bytes, &binary, &why) < 0) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(binary->imports.count, 9);
    assert_true(text_is(binary->imports.names[8], "i"));
}

static void a_module_imports_from_modules(void **state)
{
    static const char bytes[] = MODULE "\2\x1c\4" "\1a\1x\0\0" "\1a\1y\0\1" "\1b\1m\2\1\1\2"
                                "\1b\1g\3\x7f\0" "\7\x0a\1" "\6_start\0\0";
    AUTO(binary_free) struct binary *binary = NULL;
    struct fault why = {0};

    (void)state;
    if (READ(bytes, &binary, &why) < 0) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(binary->kind, BINARY_MODULE);
    assert_int_equal(binary->imports.count, 2);
    assert_int_equal(binary_role(binary), BINARY_COMMAND);
}

static void exports_decide_the_role(void **state)
{
    static const char server[] = COMPONENT "\x0b\x26\1" "\0\x20wasi:http/incoming-handler@0.2.4"
                                 "\5\0\0";
    static const char library[] = COMPONENT "\x0b\x1b\1" "\0\x15wasi:http/handlerette" "\5\0\0";
    AUTO(binary_free) struct binary *first = NULL;
    AUTO(binary_free) struct binary *second = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(READ(server, &first, &why), 0);
    assert_int_equal(binary_role(first), BINARY_SERVER);
    assert_int_equal(READ(library, &second, &why), 0);
    assert_int_equal(binary_role(second), BINARY_LIBRARY);
}

static void every_truncation_is_refused(void **state)
{
    static const char bytes[] = COMPONENT "\x0b\x18\1" "\0\x12wasi:cli/run@0.2.0\5\0\0";

    (void)state;
    for (size_t length = 0; length < sizeof(bytes) - 1; length++) {
        AUTO(binary_free) struct binary *binary = NULL;
        struct fault why = {0};

        if (length == 8) {
            continue; /* an empty component */
        }
        assert_true(binary_read(cursor_over(bytes, length), &binary, &why) < 0);
        assert_int_equal(why.kind, FAULT_INVALID);
    }
}

static void names_are_utf8(void **state)
{
    static const char *const wrong[] = {
        "\x80",         "\xc1\x81",     "\xc3",         "\xe0\x9f\xbf",     "\xed\xa0\x80",
        "\xe2\x82",     "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff",
    };
    static const char *const right[] = {"\xc3\xa4", "\xe2\x82\xac", "\xed\x9f\xbf",
                                        "\xf0\x9f\x90\x9d", "a\xc2\x80z"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong) + ARRAY_SIZE(right); i++) {
        AUTO(binary_free) struct binary *binary = NULL;
        bool is_right = i >= ARRAY_SIZE(wrong);
        const char *name = is_right ? right[i - ARRAY_SIZE(wrong)] : wrong[i];
        size_t length = strlen(name);
        char bytes[64] = MODULE "\7";
        struct fault why = {0};

        bytes[9] = (char)(length + 4);
        bytes[10] = 1;
        bytes[11] = (char)length;
        memcpy(bytes + 12, name, length);
        assert_int_equal(binary_read(cursor_over(bytes, 14 + length), &binary, &why) == 0,
                         is_right);
    }
}

static void what_is_no_wasm_is_refused(void **state)
{
    AUTO(binary_free) struct binary *binary = NULL;
    struct fault why = {0};

    (void)state;
    assert_true(READ("\x7f" "ELF\2\1\1\0", &binary, &why) < 0);
    assert_true(READ("\0asm\2\0\0\0", &binary, &why) < 0);
    assert_true(READ(MODULE "\2\4\1xyz", &binary, &why) < 0);
    assert_string_equal(why.text, "entry 1 of the import section cannot be read");
    assert_true(READ(MODULE "\2\2\0x", &binary, &why) < 0);
    assert_string_equal(why.text, "the import section is longer than its entries");
    assert_true(READ(MODULE "\2\xff\xff\xff\xff\x7f", &binary, &why) < 0);
    assert_string_equal(why.text, "section 1 is cut short: the file is truncated");
    assert_false(binary_is_wasm("\0asm", 4));
    assert_true(binary_is_wasm(MODULE, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_component_gives_sorted_names),
        cmocka_unit_test(every_sort_of_import_is_stepped_over),
        cmocka_unit_test(a_module_imports_from_modules),
        cmocka_unit_test(exports_decide_the_role),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(names_are_utf8),
        cmocka_unit_test(what_is_no_wasm_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
