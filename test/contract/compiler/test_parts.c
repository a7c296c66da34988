/* SPDX-License-Identifier: Apache-2.0 */
/* Several components in one job: the guests reader and vault, as containers of one pod. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/fd.h"
#include "base/fs.h"
#include "job.h"

enum { PARTS = 2, RECIPE_ROOM = 1024 };
#define EDGE "edge 0 acme:vault/secret-store@1.0.0 1 acme:vault/secret-store@1.0.0\n"

static const char *const two[] = {"--parts", "2", NULL};

/* A job over both guests; "D0" and "D1" stand for their digests. */
static struct outcome run(const char *verb, const char *recipe, const char *const *options)
{
    static const char *const names[PARTS] = {"reader", "vault"};
    char text[RECIPE_ROOM];
    char digests[PARTS][DIGEST_HEX_ROOM];
    int fds[1 + PARTS];
    struct job job = job_new();
    struct outcome outcome;

    for (size_t i = 0; i < PARTS; i++) {
        AUTO(buf_fini) struct buf bytes = {0};

        guest_read(names[i], &bytes);
        digest_bytes(bytes.data, bytes.length, digests[i]);
        fds[1 + i] = fs_memory(names[i], bytes.data, bytes.length);
        assert_true(fds[1 + i] >= 0);
    }
    (void)snprintf(text, sizeof(text), "skep-recipe 1\npart %s reader\npart %s vault\n%s", digests[0],
                   digests[1], recipe);
    fds[0] = fs_memory("recipe", text, strlen(text));
    assert_true(fds[0] >= 0);
    job_start_parts(&job, verb, fds, 1 + PARTS, options);
    outcome = job_end(&job);
    for (size_t i = 0; i <= PARTS; i++) {
        (void)fd_close(fds[i]);
    }
    return outcome;
}

static void each_part_has_its_own_roots(void **state)
{
    struct outcome outcome = run("compile", EDGE, two);
    int64_t parts = 0;

    (void)state;
    assert_string_equal(outcome_text(&outcome, "kind"), "command");
    assert_true(node_integer(node_member(outcome.json, "parts"), &parts) && parts == PARTS);
    assert_int_equal(node_count(node_member(outcome.json, "unknown")), 0);
    assert_true(outcome_lists(&outcome, "imports", "c0-wasi:cli/environment@0.2.12"));
    assert_true(outcome_lists(&outcome, "imports", "c1-wasi:cli/environment@0.2.12"));
    assert_true(outcome_lists(&outcome, "imports", "c1-wasi:filesystem/preopens@0.2.12"));
    assert_true(outcome_lists(&outcome, "imports", "wasi:io/streams@0.2.12"));
    assert_false(outcome_lists(&outcome, "imports", "wasi:cli/environment@0.2.12"));
    assert_false(outcome_lists(&outcome, "imports", "acme:vault/secret-store@1.0.0"));
    assert_memory_equal(outcome.code.data, "\177ELF", 4);
    outcome_fini(&outcome);
}

static void equal_recipes_give_equal_bytes(void **state)
{
    struct outcome one = run("link", EDGE, two);
    struct outcome other = run("link", EDGE, two);

    (void)state;
    assert_int_equal(one.status, 0);
    assert_int_equal(one.code.length, other.code.length);
    assert_memory_equal(one.code.data, other.code.data, one.code.length);
    outcome_fini(&one);
    outcome_fini(&other);
}

static void linked_for_any_host_the_roots_are_shared(void **state)
{
    struct outcome outcome = run("link", EDGE, two);

    (void)state;
    assert_true(outcome_lists(&outcome, "imports", "wasi:cli/environment@0.2.12"));
    assert_false(outcome_lists(&outcome, "imports", "c0-wasi:cli/environment@0.2.12"));
    assert_memory_equal(outcome.code.data, "\0asm\15\0\1\0", 8);
    outcome_fini(&outcome);
}

static void an_import_that_stays_open_is_refused(void **state)
{
    struct outcome outcome = run("compile", "", two);

    (void)state;
    assert_string_equal(outcome_sentence(&outcome),
                        "nobody of the composition exports acme:vault/secret-store@1.0.0, which one of its "
                        "parts imports");
    outcome_fini(&outcome);
}

static void another_recipe_than_the_canonical_one_is_refused(void **state)
{
    struct outcome outcome = run("compile", EDGE "\n", two);

    (void)state;
    assert_string_equal(outcome_sentence(&outcome), "line 5 of the recipe is not understood");
    outcome_fini(&outcome);
}

static void a_description_costs_no_code(void **state)
{
    AUTO(buf_fini) struct buf bytes = {0};
    AUTO(fd_close) int wasm = -1;
    struct job job = job_new();
    struct outcome outcome;

    (void)state;
    guest_read("vault", &bytes);
    wasm = fs_memory("wasm", bytes.data, bytes.length);
    job_start_parts(&job, "describe", &wasm, 1, NULL);
    outcome = job_end(&job);
    assert_string_equal(outcome_text(&outcome, "kind"), "library");
    assert_true(outcome_lists(&outcome, "exports", "acme:vault/secret-store@1.0.0"));
    assert_int_equal(outcome.code.length, 0);
    outcome_fini(&outcome);
}

static void a_component_that_names_a_slot_is_refused_alone_too(void **state)
{
    AUTO(buf_fini) struct buf bytes = {0};
    struct outcome outcome;
    uint8_t *name;

    (void)state;
    guest_read("missing", &bytes);
    name = (uint8_t *)memmem(bytes.data, bytes.length, "acme:vault/store", 16);
    assert_non_null(name);
    memcpy(name, "c1-e", 4);
    outcome = job_run(bytes.data, bytes.length, NULL);
    assert_non_null(strstr(outcome_sentence(&outcome),
                           "imports c1-e:vault/store@1.0.0: names of the form cN-… are the host's own"));
    outcome_fini(&outcome);
}

static void what_makes_no_sense_is_answered_with_usage(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const three[] = {"--parts", "3", NULL};
    static const char *const many[] = {"--parts", "65", NULL};
    static const struct {
        const char *verb;
        const char *const *options;
    } cases[] = {{"link", none}, {"describe", two}, {"compile", three}, {"compile", many}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct outcome outcome = run(cases[i].verb, EDGE, cases[i].options);

        assert_int_equal(outcome.status, 2);
        outcome_fini(&outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_has_its_own_roots),
        cmocka_unit_test(equal_recipes_give_equal_bytes),
        cmocka_unit_test(linked_for_any_host_the_roots_are_shared),
        cmocka_unit_test(an_import_that_stays_open_is_refused),
        cmocka_unit_test(another_recipe_than_the_canonical_one_is_refused),
        cmocka_unit_test(a_description_costs_no_code),
        cmocka_unit_test(a_component_that_names_a_slot_is_refused_alone_too),
        cmocka_unit_test(what_makes_no_sense_is_answered_with_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
