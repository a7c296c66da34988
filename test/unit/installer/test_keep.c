/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of the DaemonSet's container: a node and a cluster of ours, SIGTERM after some rounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "k8s/installer/config.h"
#include "k8s/installer/keep.h"
#include "node.h"

#define MAIN "version = 3\nimports = ['/etc/containerd/conf.d/*.toml']\n"

/* The cluster, and what it was told: "mark STATE (SENTENCE); event REASON: MESSAGE; …". */
static struct cluster {
    int withdrawn_from; /* the round from which on the DaemonSet is marked; 0: never */
    int seen_from;      /* the round from which on the node's status has the handlers */
    int fails_until;    /* the API server does not answer up to this round */
    int last;           /* the round in which SIGTERM comes */
    void (*on_round)(int round);
    int round;
    char told[4096];
} cluster;
static struct node_world world;

static void told(const char *format, ...) PRINTF_LIKE(1, 2);

static void told(const char *format, ...)
{
    size_t used = strlen(cluster.told);
    va_list values;

    va_start(values, format);
    (void)vsnprintf(cluster.told + used, sizeof(cluster.told) - used, format, values);
    va_end(values);
}

int cluster_mark(struct api *api, const char *node, const char *state, const char *failure,
                 struct fault *why)
{
    (void)api;
    (void)why;
    assert_string_equal(node, "node-1");
    told("mark %s%s%s%s; ", state ? state : "none", failure ? " (" : "", failure ? failure : "",
         failure ? ")" : "");
    return 0;
}

int cluster_event(struct api *api, const char *node, const struct cluster_event *event,
                  struct fault *why)
{
    (void)api;
    (void)why;
    (void)node;
    told("event %s%s: %s; ", event->is_bad ? "!" : "", event->reason, event->message);
    return 0;
}

int cluster_count_handlers(struct api *api, const char *node, const char *const *handlers,
                           size_t *ret, struct fault *why)
{
    (void)api;
    (void)why;
    (void)node;
    (void)handlers;
    *ret = cluster.round >= cluster.seen_from ? config_handlers_count() : 0;
    return 0;
}

int cluster_is_withdrawn(struct api *api, const struct cluster_set *set, struct fault *why)
{
    (void)api;
    assert_string_equal(set->name, "skep");
    cluster.round++;
    if (cluster.on_round) {
        cluster.on_round(cluster.round);
    }
    if (cluster.round == cluster.last) {
        (void)raise(SIGTERM); /* blocked: taken after this round */
    }
    if (cluster.round <= cluster.fails_until) {
        return fault(why, FAULT_UNAVAILABLE, "no answer");
    }
    return cluster.withdrawn_from > 0 && cluster.round >= cluster.withdrawn_from;
}

static void keep_it(void)
{
    struct fault why = {0};
    char state_path[128];
    struct keeper keeper = {.installation = &world.in,
                            .node = "node-1",
                            .set = {.space = "s", .name = "skep"},
                            .every_seconds = 1,
                            .state_path = state_path};
    sigset_t term;

    (void)snprintf(state_path, sizeof(state_path), "%s/state", world.folder);
    assert_int_equal(keep(&keeper, &why), 0);
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)sigprocmask(SIG_UNBLOCK, &term, NULL);
}

static int setup(void **state)
{
    (void)state;
    cluster = (struct cluster){.last = 2};
    node_make(&world, 2, MAIN, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    node_end(&world);
    return 0;
}

static int read_state(struct fault *why)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/state", world.folder);
    return keep_state(path, why);
}

static void a_node_becomes_ready_once(void **state)
{
    struct fault why = {0};

    (void)state;
    cluster.last = 3;
    cluster.seen_from = 2;
    keep_it();
    assert_string_equal(cluster.told, "event SkepInstalled: Skep v1 is installed; mark ready; ");
    assert_int_equal(read_state(&why), 0);
    assert_int_equal(world.restarts, 1);
}

static void a_failure_is_told_and_tried_again(void **state)
{
    struct fault why = {0};

    (void)state;
    world.refuses = true;
    keep_it();
    assert_non_null(strstr(cluster.told, "event !SkepInstallFailed: install Skep (undone, "));
    assert_non_null(strstr(cluster.told, "mark failed (install Skep (undone, "));
    assert_true(read_state(&why) < 0);
    assert_non_null(strstr(why.text, "failed: install Skep"));
}

static void heal(int round)
{
    if (round == 3) {
        world.refuses = false;
    }
}

static void what_is_healed_becomes_ready(void **state)
{
    const char *first = NULL;

    (void)state;
    world.refuses = true;
    cluster.on_round = heal;
    cluster.last = 5;
    keep_it();
    first = strstr(cluster.told, "event !SkepInstallFailed");
    assert_non_null(first);
    /* Once, though it was tried twice; and between the tries was waited. */
    assert_null(strstr(first + 1, "event !SkepInstallFailed"));
    assert_non_null(strstr(cluster.told, "mark ready; "));
    assert_int_equal(world.restarts, 2 + 2 + 1);
}

static void rewrite(int round)
{
    if (round == 2) {
        char path[128];

        /* An upgrade of the node puts its own file there again. */
        (void)snprintf(path, sizeof(path), "%s" NODE_DROP_IN, world.folder);
        assert_int_equal(unlink(path), 0);
    }
}

static void what_somebody_undoes_is_done_again(void **state)
{
    (void)state;
    cluster.on_round = rewrite;
    cluster.last = 3;
    keep_it();
    assert_true(node_has(&world, NODE_DROP_IN));
    assert_int_equal(world.restarts, 2);
}

static void leave(int round)
{
    world.pods = round < 4 ? 2 : 0;
}

static void a_withdrawn_node_waits_for_its_pods(void **state)
{
    static const char *const steps[] = {
        "mark ready; ",
        "mark removing; ",
        "event !SkepInUse: Skep stays until its 2 pods are gone",
        "mark removing (Skep stays until its 2 pods are gone",
        "event SkepRemoved: ",
        "mark none; ",
    };
    const char *at = cluster.told;

    (void)state;
    cluster.on_round = leave;
    cluster.withdrawn_from = 2;
    cluster.last = 5;
    keep_it();
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        at = strstr(at, steps[i]);
        assert_non_null(at);
    }
    assert_false(node_has(&world, NODE_DROP_IN));
    assert_false(node_has(&world, "/opt/skep"));
}

static void without_the_api_server_nothing_is_done(void **state)
{
    (void)state;
    cluster.fails_until = 1;
    cluster.last = 1;
    keep_it();
    assert_string_equal(cluster.told, "");
    assert_int_equal(world.restarts, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_node_becomes_ready_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_is_told_and_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_healed_becomes_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(what_somebody_undoes_is_done_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_withdrawn_node_waits_for_its_pods, setup, teardown),
        cmocka_unit_test_setup_teardown(without_the_api_server_nothing_is_done, setup, teardown),
    };

    log_open(-1, "test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
