/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "pod.h"

#define POD(...)                                                                                   \
    const struct piece pieces[] = {__VA_ARGS__};                                                   \
    AUTO(pod_free) struct pod *pod = pod_of(pieces, ARRAY_SIZE(pieces))

static void one_that_imports_only_from_the_host_is_alone(void **state)
{
    POD({"app", PLAN_CONTAINER, "wasi:cli/stdin@0.2.0", "wasi:cli/run@0.2.0"},
        {"other", PLAN_CONTAINER, "", "a:b/c@1.0.0"});
    (void)state;
    pod_expect(pod, 0, "part D app\n");
}

static void a_provider_is_found_in_any_order_of_creation(void **state)
{
    POD({"vault", PLAN_CONTAINER, "wasi:http/client@0.3.0", "acme:vault/store@1.4.0"},
        {"app", PLAN_CONTAINER, "acme:vault/store@1.2.0", "wasi:cli/run@0.2.0"});
    (void)state;
    pod_expect(pod, 1,
               "part D app\npart D vault\n"
               "edge 0 acme:vault/store@1.2.0 1 acme:vault/store@1.4.0\n");
}

static void chains_and_diamonds_are_followed(void **state)
{
    POD({"app", PLAN_CONTAINER, "a:b/right a:b/left", ""}, {"left", PLAN_CONTAINER, "a:b/last", "a:b/left"},
        {"right", PLAN_CONTAINER, "a:b/last", "a:b/right"}, {"last", PLAN_CONTAINER, "", "a:b/last"});
    (void)state;
    pod_expect(pod, 0,
               "part D app\npart D right\npart D left\npart D last\n"
               "edge 0 a:b/left 2 a:b/left\nedge 0 a:b/right 1 a:b/right\n"
               "edge 1 a:b/last 3 a:b/last\nedge 2 a:b/last 3 a:b/last\n");
}

static void the_newest_version_of_a_provider_is_taken(void **state)
{
    POD({"app", PLAN_CONTAINER, "a:b/c@1.0.0", ""},
        {"vault", PLAN_CONTAINER, "", "a:b/c@1.10.0 a:b/c@2.0.0 a:b/c@1.9.0 a:b/c@0.9.0"});
    (void)state;
    pod_expect(pod, 0, "part D app\npart D vault\nedge 0 a:b/c@1.0.0 1 a:b/c@1.10.0\n");
}

static void what_it_exports_itself_serves_others_only(void **state)
{
    POD({"front", PLAN_CONTAINER, "wasi:http/handler@0.3.0", "wasi:http/handler@0.3.0"},
        {"back", PLAN_CONTAINER, "", "wasi:http/handler@0.3.0"});
    (void)state;
    pod_expect(pod, 0,
               "part D front\npart D back\n"
               "edge 0 wasi:http/handler@0.3.0 1 wasi:http/handler@0.3.0\n");
}

static void names_in_a_recipe_are_words(void **state)
{
    POD({"a name\nedge", PLAN_CONTAINER, "", ""});
    (void)state;
    pod_expect(pod, 0, "part D a_name_edge\n");
}

static void a_missing_import_is_named(void **state)
{
    POD({"app", PLAN_CONTAINER, "acme:vault/store@1.0.0", ""}, {"x", PLAN_CONTAINER, "", "acme:vault/stores"});
    (void)state;
    pod_expect_failure(pod, 0, "app imports acme:vault/store@1.0.0, which nobody here exports");
    pod->scene.is_open = true;
    pod_expect(pod, 0, "part D app\n");
}

static void what_the_compiler_knows_of_it_is_said(void **state)
{
    POD({"app", PLAN_CONTAINER, "wrong:cli/stdin@0.4.0", ""});
    struct fault why = {0};

    (void)state;
    assert_int_equal(node_parse(text_of("[\"it imports x, and the host offers y\"]"), "hints", 100,
                                &pod->nodes[pod->nodes_count], &why),
                     0);
    pod->candidates[0].hints = pod->nodes[pod->nodes_count++];
    pod_expect_failure(pod, 0, "app imports x, and the host offers y");
}

static void a_version_of_another_line_is_named(void **state)
{
    POD({"app", PLAN_CONTAINER, "a:b/c@1.2.0", ""}, {"vault", PLAN_CONTAINER, "", "a:b/c@2.0.0"});
    (void)state;
    pod_expect_failure(pod, 0, "app imports a:b/c@1.2.0, and vault exports another version of it, a:b/c@2.0.0");
}

static void a_version_that_is_too_old_is_named(void **state)
{
    POD({"app", PLAN_CONTAINER, "a:b/c@1.2.0", ""}, {"vault", PLAN_CONTAINER, "", "a:b/c@1.1.7 a:b/c@0.1.0"});
    (void)state;
    pod->scene.is_open = true;
    pod_expect_failure(pod, 0, "app imports a:b/c@1.2.0, and vault exports only the older a:b/c@1.1.7");
}

static void two_providers_are_named(void **state)
{
    POD({"app", PLAN_CONTAINER, "a:b/c@1.0.0", ""}, {"one", PLAN_CONTAINER, "", "a:b/c@1.0.0"},
        {"two", PLAN_CONTAINER, "", "a:b/c@1.3.0"});
    (void)state;
    pod_expect_failure(pod, 0, "app imports a:b/c@1.0.0, and both one and two export it");
}

static void a_ring_is_named(void **state)
{
    POD({"app", PLAN_CONTAINER, "a:b/one", ""}, {"one", PLAN_CONTAINER, "a:b/two", "a:b/one"},
        {"two", PLAN_CONTAINER, "a:b/one", "a:b/two"});
    (void)state;
    pod_expect_failure(pod, 0,
                       "the imports form a ring: one imports a:b/two from two, which imports a:b/one from one");
}

static void a_long_ring_is_cut(void **state)
{
    struct piece pieces[30];
    char words[2 * 30][80];
    AUTO(pod_free) struct pod *pod = NULL;
    struct plan *plan = NULL;
    struct fault why = {0};

    (void)state;
    for (int i = 0; i < 30; i++) {
        (void)snprintf(words[i], sizeof(words[i]), "acme:a-rather-long-name-of-a-package/interface-%d", i);
        (void)snprintf(words[30 + i], sizeof(words[i]), "acme:a-rather-long-name-of-a-package/interface-%d",
                       (i + 1) % 30);
        pieces[i] = (struct piece){"part", PLAN_CONTAINER, words[30 + i], words[i]};
    }
    pod = pod_of(pieces, 30);
    assert_true(plan_make(&pod->scene, 0, &plan, &why) < 0);
    assert_non_null(strstr(why.text, "form a ring: part imports acme:a-rather"));
    assert_string_equal(why.text + strlen(why.text) - strlen(" …"), " …");
}

/* A chain of parts, each importing from the next. */
static struct pod *chain(struct piece *pieces, char (*words)[16], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(words[i], sizeof(words[i]), "a:b/i%zu", i);
        (void)snprintf(words[count + i], sizeof(words[i]), "p%zu", i);
    }
    for (size_t i = 0; i < count; i++) {
        pieces[i] = (struct piece){words[count + i], PLAN_CONTAINER, i + 1 < count ? words[i + 1] : "", words[i]};
    }
    return pod_of(pieces, count);
}

static void sixty_four_are_linked_and_the_next_is_named(void **state)
{
    struct piece pieces[PLAN_PARTS_MAX + 1];
    char words[2 * (PLAN_PARTS_MAX + 1)][16];
    AUTO(pod_free) struct pod *pod = chain(pieces, words, PLAN_PARTS_MAX + 1);
    AUTO(plan_free) struct plan *plan = NULL;
    struct fault why = {0};

    (void)state;
    assert_int_equal(plan_make(&pod->scene, 1, &plan, &why), 0);
    assert_int_equal(plan->count, PLAN_PARTS_MAX);
    assert_int_equal(plan->edges_count, PLAN_PARTS_MAX - 1);
    pod_expect_failure(pod, 0, "p0 would be linked with more than 64 components, of which p64 is one");
}

static void names_of_slots_are_refused(void **state)
{
    POD({"app", PLAN_CONTAINER, "a:b/c", ""}, {"vault", PLAN_CONTAINER, "c0-wasi:cli/environment@0.2.0", "a:b/c"},
        {"other", PLAN_CONTAINER, "", "C7-a:b/c"});
    (void)state;
    pod_expect_failure(pod, 0, "vault imports c0-wasi:cli/environment@0.2.0: names of the form cN-… are the host's own");
    pod_expect_failure(pod, 2, "other exports C7-a:b/c: names of the form cN-… are the host's own");
}

static void a_name_that_is_no_word_is_never_bound(void **state)
{
    POD({"app", PLAN_CONTAINER, "", ""}, {"vault", PLAN_CONTAINER, "", ""});
    struct fault why = {0};

    (void)state;
    assert_int_equal(node_parse(text_of("[\"url=<x\\nedge 0 a 1 b>\"]"), "names", 100,
                                &pod->nodes[pod->nodes_count], &why),
                     0);
    pod->candidates[0].imports = pod->candidates[0].unknown = pod->nodes[pod->nodes_count];
    pod->candidates[1].exports = pod->nodes[pod->nodes_count++];
    pod_expect_failure(pod, 0, "app imports url=<x\nedge 0 a 1 b>, which nobody here exports");
}

static void too_many_components_are_refused(void **state)
{
    POD({"app", PLAN_CONTAINER, "", ""});
    (void)state;
    pod->scene.count = PLAN_CANDIDATES_MAX + 1;
    pod_expect_failure(pod, 0,
                       "the components to link are 257 with 0 exports; at most 256 with 65536 are looked at");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_imports_only_from_the_host_is_alone),
        cmocka_unit_test(a_provider_is_found_in_any_order_of_creation),
        cmocka_unit_test(chains_and_diamonds_are_followed),
        cmocka_unit_test(the_newest_version_of_a_provider_is_taken),
        cmocka_unit_test(what_it_exports_itself_serves_others_only),
        cmocka_unit_test(names_in_a_recipe_are_words),
        cmocka_unit_test(a_missing_import_is_named),
        cmocka_unit_test(what_the_compiler_knows_of_it_is_said),
        cmocka_unit_test(a_version_of_another_line_is_named),
        cmocka_unit_test(a_version_that_is_too_old_is_named),
        cmocka_unit_test(two_providers_are_named),
        cmocka_unit_test(a_ring_is_named),
        cmocka_unit_test(a_long_ring_is_cut),
        cmocka_unit_test(sixty_four_are_linked_and_the_next_is_named),
        cmocka_unit_test(names_of_slots_are_refused),
        cmocka_unit_test(a_name_that_is_no_word_is_never_bound),
        cmocka_unit_test(too_many_components_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
