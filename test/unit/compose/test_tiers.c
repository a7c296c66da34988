/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pod.h"

/* A pod with a tenant's app, and what offers acme:vault/store on each tier. */
enum { APP, VAULT, LINKED, TOP, BOTTOM };

static struct pod *tiers(const char *app, const char *vault, const char *linked, const char *top,
                         const char *bottom)
{
    const struct piece pieces[] = {
        [APP] = {"app", PLAN_CONTAINER, app, ""},
        [VAULT] = {"vault", PLAN_CONTAINER, "", vault},
        [LINKED] = {"linked", PLAN_LINKED, "", linked},
        [TOP] = {"top", PLAN_LAYER, "a:b/low", top},
        [BOTTOM] = {"bottom", PLAN_LAYER, "", bottom},
    };

    return pod_of(pieces, ARRAY_SIZE(pieces));
}

static const struct plan_link to_linked[] = {{"a:b/c", LINKED}};

static void a_container_comes_before_a_link_and_a_layer(void **state)
{
    AUTO(pod_free) struct pod *pod = tiers("a:b/c@1.0.0", "a:b/c@1.0.0", "a:b/c@1.1.0", "a:b/c@1.2.0", "a:b/low");

    (void)state;
    pod->scene.links = to_linked;
    pod->scene.links_count = 1;
    pod_expect(pod, APP, "part D app\npart D vault\nedge 0 a:b/c@1.0.0 1 a:b/c@1.0.0\n");
}

static void a_link_comes_before_a_layer(void **state)
{
    AUTO(pod_free) struct pod *pod = tiers("a:b/c@1.0.0", "a:b/c@0.9.0", "a:b/c@1.1.0", "a:b/c@1.2.0", "a:b/low");

    (void)state;
    pod->scene.links = to_linked;
    pod->scene.links_count = 1;
    pod_expect(pod, APP, "part D app\npart D linked\nedge 0 a:b/c@1.0.0 1 a:b/c@1.1.0\n");
}

static void what_no_link_names_is_not_bound_to_a_linked_one(void **state)
{
    AUTO(pod_free) struct pod *pod = tiers("a:b/c@1.0.0", "", "a:b/c@1.1.0", "", "a:b/c@1.0.0 a:b/low");

    (void)state;
    pod_expect(pod, APP, "part D app\npart D bottom\nedge 0 a:b/c@1.0.0 1 a:b/c@1.0.0\n");
}

static void a_link_with_a_version_is_for_imports_that_it_fits(void **state)
{
    static const struct plan_link links[] = {{"a:b/c@2.0.0", LINKED}};
    AUTO(pod_free) struct pod *pod = tiers("a:b/c@1.0.0 a:b/c@2.0.0", "", "a:b/c@2.1.0", "", "a:b/c@1.0.0");

    (void)state;
    pod->scene.links = links;
    pod->scene.links_count = 1;
    pod_expect(pod, APP,
               "part D app\npart D bottom\npart D linked\n"
               "edge 0 a:b/c@1.0.0 1 a:b/c@1.0.0\nedge 0 a:b/c@2.0.0 2 a:b/c@2.1.0\n");
}

static void a_link_to_one_that_does_not_serve_is_said(void **state)
{
    AUTO(pod_free) struct pod *pod = tiers("a:b/c@1.0.0", "", "a:b/c@2.0.0", "", "a:b/c@1.0.0");

    (void)state;
    pod->scene.links = to_linked;
    pod->scene.links_count = 1;
    pod_expect_failure(pod, APP,
                       "app imports a:b/c@1.0.0, which skep.dev/links binds to linked, but that exports no "
                       "version of it that fits");
}

static void a_link_decides_between_two_containers(void **state)
{
    const struct piece pieces[] = {{"app", PLAN_CONTAINER, "a:b/c", ""},
                                   {"one", PLAN_CONTAINER, "", "a:b/c"},
                                   {"two", PLAN_CONTAINER, "", "a:b/c"}};
    const struct plan_link links[] = {{"a:b/c", 2}};
    AUTO(pod_free) struct pod *pod = pod_of(pieces, ARRAY_SIZE(pieces));

    (void)state;
    pod->scene.links = links;
    pod->scene.links_count = 1;
    pod_expect(pod, 0, "part D app\npart D two\nedge 0 a:b/c 1 a:b/c\n");
}

static void the_topmost_layer_serves_and_sees_only_what_is_below(void **state)
{
    AUTO(pod_free) struct pod *pod =
        tiers("a:b/c@1.0.0", "a:b/low", "", "a:b/c@1.0.0 a:b/low", "a:b/c@1.5.0 a:b/low");

    (void)state;
    pod_expect(pod, APP,
               "part D app\npart D top\npart D bottom\n"
               "edge 0 a:b/c@1.0.0 1 a:b/c@1.0.0\nedge 1 a:b/low 2 a:b/low\n");
}

static void a_layer_is_not_served_by_a_tenant(void **state)
{
    AUTO(pod_free) struct pod *pod = tiers("a:b/c", "a:b/low", "a:b/low", "a:b/c", "");
    static const struct plan_link links[] = {{"a:b/low", LINKED}};

    (void)state;
    pod->scene.links = links;
    pod->scene.links_count = 1;
    pod_expect_failure(pod, APP, "top imports a:b/low, which nobody here exports");
}

static void a_layer_comes_before_the_host(void **state)
{
    AUTO(pod_free) struct pod *pod =
        tiers("wasi:random/random@0.2.0 wasi:cli/exit@0.2.0", "", "", "", "wasi:random/random@0.2.3");

    (void)state;
    pod_expect(pod, APP,
               "part D app\npart D bottom\n"
               "edge 0 wasi:random/random@0.2.0 1 wasi:random/random@0.2.3\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_container_comes_before_a_link_and_a_layer),
        cmocka_unit_test(a_link_comes_before_a_layer),
        cmocka_unit_test(what_no_link_names_is_not_bound_to_a_linked_one),
        cmocka_unit_test(a_link_with_a_version_is_for_imports_that_it_fits),
        cmocka_unit_test(a_link_to_one_that_does_not_serve_is_said),
        cmocka_unit_test(a_link_decides_between_two_containers),
        cmocka_unit_test(the_topmost_layer_serves_and_sees_only_what_is_below),
        cmocka_unit_test(a_layer_is_not_served_by_a_tenant),
        cmocka_unit_test(a_layer_comes_before_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
