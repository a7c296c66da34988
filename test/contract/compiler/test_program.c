/* SPDX-License-Identifier: Apache-2.0 */
/* What skep-compiler makes of components and modules, and how it refuses what it cannot compile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "job.h"

UNUSED static inline void outcome_fini_auto(struct outcome *held)
{
    outcome_fini(held);
}

static void has(const char *text, const char *words)
{
    if (!strstr(text, words)) {
        fail_msg("\"%s\" does not say \"%s\"", text, words);
    }
}

static void is(const struct outcome *outcome, const char *kind, const char *wasi,
               const char *adapted)
{
    int64_t bytes = 0;

    assert_string_equal(outcome_text(outcome, "kind"), kind);
    assert_string_equal(outcome_text(outcome, "wasi"), wasi);
    assert_string_equal(outcome_text(outcome, "adapted"), adapted);
    assert_true(node_integer(node_member(outcome->json, "code_bytes"), &bytes));
    assert_int_equal(bytes, outcome->code.length);
    assert_memory_equal(outcome->code.data, "\177ELF", 4);
}

static void a_core_command_is_compiled_and_described(void **state)
{
    AUTO(outcome_fini) struct outcome outcome = job_run_guest("hello");

    (void)state;
    is(&outcome, "command", "0.1", "p1");
    assert_true(outcome_lists(&outcome, "imports", "wasi_snapshot_preview1.proc_exit"));
    assert_true(outcome_lists(&outcome, "exports", "_start"));
    assert_int_equal(node_count(node_member(outcome.json, "unknown")), 0);
}

static void a_component_of_the_stock_adapter_becomes_the_same_code_as_its_module(void **state)
{
    AUTO(outcome_fini) struct outcome module = job_run_guest("hello");
    AUTO(outcome_fini) struct outcome component = job_run_guest("hello-component");

    (void)state;
    is(&component, "command", "0.2", "readapted");
    assert_int_equal(component.code.length, module.code.length);
    assert_memory_equal(component.code.data, module.code.data, module.code.length);
}

static void commands_servers_and_libraries_are_told_apart(void **state)
{
    static const struct {
        const char *guest;
        const char *kind;
        const char *wasi;
    } rows[] = {
        {"exits", "command", "0.2"},  {"command3", "command", "0.3"}, {"server", "server", "0.2"},
        {"server3", "server", "0.3"}, {"adder", "library", "0.2"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(outcome_fini) struct outcome outcome = job_run_guest(rows[i].guest);

        is(&outcome, rows[i].kind, rows[i].wasi, "none");
        assert_int_equal(node_count(node_member(outcome.json, "unknown")), 0);
    }
}

static void an_import_without_a_host_is_named_and_no_failure(void **state)
{
    AUTO(outcome_fini) struct outcome outcome = job_run_guest("missing");
    const struct node *hints = NULL;

    (void)state;
    is(&outcome, "command", "0.2", "none");
    assert_true(outcome_lists(&outcome, "unknown", "acme:vault/store@1.0.0"));
    hints = node_member(outcome.json, "hints");
    assert_int_equal(node_count(hints), 1);
    has(node_string(node_item(hints, 0)), "acme:vault/store@1.0.0");
}

/* Replaces every occurrence of a name by another of the same length. */
static void rename_all(struct buf *bytes, const char *from, const char *to)
{
    size_t length = strlen(from);
    size_t count = 0;

    assert_int_equal(length, strlen(to));
    for (size_t i = 0; i + length <= bytes->length; i++) {
        if (memcmp(bytes->data + i, from, length) == 0) {
            memcpy(bytes->data + i, to, length);
            count++;
        }
    }
    assert_true(count > 0);
}

static void a_wrong_version_of_wasi_is_named_with_those_that_are_known(void **state)
{
    AUTO(buf_fini) struct buf guest = {0};
    AUTO(outcome_fini) struct outcome outcome = {0};
    const char *hint = NULL;

    (void)state;
    guest_read("missing", &guest);
    rename_all(&guest, "acme:vault/store@1.0.0", "wasi:http/types@0.1.12");
    outcome = job_run(guest.data, guest.length, NULL);
    is(&outcome, "command", "0.2", "none");
    assert_true(outcome_lists(&outcome, "unknown", "wasi:http/types@0.1.12"));
    hint = node_string(node_item(node_member(outcome.json, "hints"), 0));
    has(hint, "wasi:http/types@0.1.12");
    has(hint, "0.2.12");
    has(hint, "0.3.0");
}

static void what_is_not_webassembly_is_refused_by_what_it_is(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *words;
    } rows[] = {
        {"", 0, "the file is empty"},
        {"\0as", 3, "ends within its first four bytes"},
        {"\0asm\x0d\0", 6, "truncated"},
        {"(component)", 11, "text format"},
        {"\177ELF\2\1\1\0", 8, "native ELF file"},
        {"#!/bin/sh\n", 10, "script"},
        {"\0asm\x0c\0\x01\0", 8, "draft format 12"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(outcome_fini) struct outcome outcome = job_run(rows[i].bytes, rows[i].length, NULL);

        has(outcome_sentence(&outcome), rows[i].words);
    }
}

static void a_module_that_is_no_command_is_refused(void **state)
{
    AUTO(outcome_fini) struct outcome outcome = job_run_guest("core");

    (void)state;
    has(outcome_sentence(&outcome), "neither a _start function nor component types");
}

static void native_code_of_our_own_is_not_taken_from_outside(void **state)
{
    AUTO(outcome_fini) struct outcome first = job_run_guest("silent");
    AUTO(outcome_fini) struct outcome second = {0};

    (void)state;
    assert_int_equal(first.status, 0);
    second = job_run(first.code.data, first.code.length, NULL);
    has(outcome_sentence(&second), "native ELF file");
}

static void a_component_that_is_cut_off_is_refused_as_truncated(void **state)
{
    AUTO(buf_fini) struct buf guest = {0};

    (void)state;
    guest_read("server", &guest);
    for (size_t part = 1; part < 8; part++) {
        AUTO(outcome_fini) struct outcome outcome =
            job_run(guest.data, guest.length * part / 8, NULL);

        has(outcome_sentence(&outcome), "truncated");
    }
}

static void changed_bytes_end_in_a_sentence_or_in_code_but_never_in_a_signal(void **state)
{
    AUTO(buf_fini) struct buf guest = {0};

    (void)state;
    guest_read("missing", &guest);
    for (size_t i = 8; i < guest.length; i += 7) {
        guest.data[i] ^= 0x15;
        {
            AUTO(outcome_fini) struct outcome outcome = job_run(guest.data, guest.length, NULL);

            assert_true(outcome.status == 0 || outcome.status == 1);
            assert_true(outcome.description.length > 0);
        }
        guest.data[i] ^= 0x15;
    }
}

static void the_identity_is_a_line_of_64_digits_and_stays(void **state)
{
    AUTO(buf_fini) struct buf first = {0};
    AUTO(buf_fini) struct buf second = {0};
    const char *const arguments[] = {"identity", NULL};

    (void)state;
    assert_int_equal(program_run(arguments, &first), 0);
    assert_int_equal(program_run(arguments, &second), 0);
    assert_int_equal(first.length, 65);
    assert_int_equal(strspn((const char *)first.data, "0123456789abcdef"), 64);
    assert_int_equal(first.data[64], '\n');
    assert_memory_equal(first.data, second.data, 65);
}

static void other_arguments_are_a_mistake_of_usage(void **state)
{
    static const char *const rows[][4] = {
        {NULL},
        {"compile", NULL}, /* without descriptors */
        {"identity", "now", NULL},
        {"compile", "--memory-bytes", "12", NULL},
        {"compile", "--memory-bytes", NULL},
        {"compile", "--colour", "1", NULL},
        {"decompile", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(buf_fini) struct buf out = {0};

        assert_int_equal(program_run(rows[i], &out), 2);
        assert_int_equal(out.length, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_core_command_is_compiled_and_described),
        cmocka_unit_test(a_component_of_the_stock_adapter_becomes_the_same_code_as_its_module),
        cmocka_unit_test(commands_servers_and_libraries_are_told_apart),
        cmocka_unit_test(an_import_without_a_host_is_named_and_no_failure),
        cmocka_unit_test(a_wrong_version_of_wasi_is_named_with_those_that_are_known),
        cmocka_unit_test(what_is_not_webassembly_is_refused_by_what_it_is),
        cmocka_unit_test(a_module_that_is_no_command_is_refused),
        cmocka_unit_test(native_code_of_our_own_is_not_taken_from_outside),
        cmocka_unit_test(a_component_that_is_cut_off_is_refused_as_truncated),
        cmocka_unit_test(changed_bytes_end_in_a_sentence_or_in_code_but_never_in_a_signal),
        cmocka_unit_test(the_identity_is_a_line_of_64_digits_and_stays),
        cmocka_unit_test(other_arguments_are_a_mistake_of_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
