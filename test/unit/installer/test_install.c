/* SPDX-License-Identifier: Apache-2.0 */
/* Every way onto a node and back, each failure, and a kill in front of each question to containerd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "k8s/installer/config.h"
#include "node.h"

#define IMPORTS "imports = ['/etc/containerd/conf.d/*.toml']\n"
#define RUNC "[plugins.'x'.containerd.runtimes.runc]\n  a = 1\n"

static const struct kind {
    const char *name;
    int major;
    const char *main; /* NULL: there is none */
    bool has_folder;
    const char *written; /* the file that gets our tables */
} kinds[] = {
    {"a drop-in", 2, "version = 3\n" IMPORTS RUNC, true, NODE_DROP_IN},
    {"a drop-in and its folder", 2, "version = 2\n" IMPORTS RUNC, false, NODE_DROP_IN},
    {"a block", 2, "version = 3\n" RUNC, false, NODE_MAIN},
    {"a block, containerd 1", 1, "version = 2\n" IMPORTS RUNC, true, NODE_MAIN},
    {"a block after no newline", 1, "version = 2\n[a]\n  b = 1", false, NODE_MAIN},
    {"a block, CRLF", 1, "version = 2\r\n[a]\r\n  b = 1\r\n", false, NODE_MAIN},
    {"a new file", 2, NULL, false, NODE_MAIN},
    {"a new file, containerd 1", 1, NULL, true, NODE_MAIN},
};

/* Are the files what they were before? */
static void same_as(const struct node_world *world, const struct kind *kind)
{
    AUTO(memory_free) char *main = node_file(world, NODE_MAIN);

    assert_int_equal(main != NULL, kind->main != NULL);
    if (main) {
        assert_string_equal(main, kind->main);
    }
    assert_false(node_has(world, NODE_DROP_IN));
    assert_int_equal(node_has(world, "/etc/containerd/conf.d"), kind->has_folder);
}

static void each_way_goes_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct node_world world;
        struct cri_pods pods;
        struct fault why = {0};

        node_make(&world, kinds[i].major, kinds[i].main, kinds[i].has_folder);
        assert_int_equal(install_node(&world.in, &why), INSTALL_DONE);
        assert_int_equal(world.loaded, config_handlers_count());
        assert_int_equal(world.restarts, 1);
        {
            AUTO(memory_free) char *written = node_file(&world, kinds[i].written);

            assert_non_null(strstr(written, "/opt/skep/current/bin/containerd-shim-skep-v2"));
        }
        assert_true(node_has(&world, "/opt/skep/current"));
        /* Again: nothing to do. */
        assert_int_equal(install_node(&world.in, &why), INSTALL_WAS_THERE);
        assert_int_equal(world.restarts, 1);
        assert_int_equal(install_remove(&world.in, &pods, &why), INSTALL_GONE);
        same_as(&world, &kinds[i]);
        assert_int_equal(world.loaded, 0);
        assert_false(node_has(&world, "/opt/skep"));
        node_end(&world);
    }
}

/* Each of these makes an installation fail. */
static const struct failure {
    const char *words;
    bool breaks;
    bool forgets;
    bool refuses;
    bool hides;
    int restarts;
} failures[] = {
    {"it does not parse", .breaks = true, .restarts = 0},
    {"it ends at once", .refuses = true, .restarts = 2},
    {"has 0 of Skep's handlers, not 3", .hides = true, .restarts = 2},
};

static void a_failure_is_taken_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds) * ARRAY_SIZE(failures); i++) {
        const struct kind *kind = &kinds[i / ARRAY_SIZE(failures)];
        const struct failure *failure = &failures[i % ARRAY_SIZE(failures)];
        struct node_world world;
        struct fault why = {0};

        node_make(&world, kind->major, kind->main, kind->has_folder);
        world.breaks = failure->breaks;
        world.refuses = failure->refuses;
        world.hides = failure->hides;
        assert_true(install_node(&world.in, &why) < 0);
        assert_non_null(strstr(why.text, failure->words));
        assert_non_null(strstr(why.text, "containerd's configuration is as it was"));
        same_as(&world, kind);
        assert_int_equal(world.restarts, failure->restarts);
        assert_false(node_has(&world, "/opt/skep/current"));
        node_end(&world);
    }
}

static void a_removal_that_fails_is_taken_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct node_world world;
        struct cri_pods pods;
        struct fault why = {0};

        node_make(&world, kinds[i].major, kinds[i].main, kinds[i].has_folder);
        assert_int_equal(install_node(&world.in, &why), INSTALL_DONE);
        {
            AUTO(memory_free) char *before = node_file(&world, kinds[i].written);
            AUTO(memory_free) char *after = NULL;

            world.clings = true;
            assert_true(install_remove(&world.in, &pods, &why) < 0);
            assert_non_null(strstr(why.text, "remove Skep (undone"));
            after = node_file(&world, kinds[i].written);
            assert_string_equal(after, before);
        }
        assert_int_equal(world.loaded, config_handlers_count());
        assert_true(node_has(&world, "/opt/skep/current"));
        world.clings = false;
        assert_int_equal(install_remove(&world.in, &pods, &why), INSTALL_GONE);
        same_as(&world, &kinds[i]);
        node_end(&world);
    }
}

static void other_settings_must_stay(void **state)
{
    struct node_world world;
    struct fault why = {0};

    (void)state;
    node_make(&world, kinds[0].major, kinds[0].main, kinds[0].has_folder);
    world.forgets = true;
    assert_true(install_node(&world.in, &why) < 0);
    assert_non_null(strstr(why.text, "other settings of containerd would change"));
    same_as(&world, &kinds[0]);
    assert_int_equal(world.restarts, 0);
    node_end(&world);
}

static void a_way_back_that_fails_is_said(void **state)
{
    struct node_world world;
    struct fault why = {0};

    (void)state;
    node_make(&world, kinds[0].major, kinds[0].main, kinds[0].has_folder);
    world.refuses = true;
    world.is_down = true;
    assert_true(install_node(&world.in, &why) < 0);
    assert_non_null(strstr(why.text, "undo it all (which failed: restart containerd"));
    same_as(&world, &kinds[0]);
    node_end(&world);
}

static void what_is_broken_before_is_left_alone(void **state)
{
    static const struct kind broken = {"", 2, "version = 3\nBROKEN\n" IMPORTS, true, ""};
    static const struct kind also = {"", 2, "version = 3\n" IMPORTS "BROKEN = 1\n", true, ""};
    struct node_world world;
    struct fault why = {0};

    (void)state;
    node_make(&world, 2, broken.main, true);
    assert_true(install_node(&world.in, &why) < 0);
    assert_non_null(strstr(why.text, "no TOML"));
    same_as(&world, &broken);
    node_end(&world);

    node_make(&world, 2, also.main, true);
    assert_true(install_node(&world.in, &why) < 0);
    assert_non_null(strstr(why.text, "as it was before any change: it does not parse"));
    same_as(&world, &also);
    node_end(&world);
}

static void what_others_wrote_is_left_alone(void **state)
{
    static const char foreign[] = "version = 3\n[plugins.'x'.containerd.runtimes.skep]\n  b = 1\n";
    struct node_world world;
    struct cri_pods pods;
    struct fault why = {0};

    (void)state;
    node_make(&world, 2, foreign, false);
    assert_true(install_node(&world.in, &why) < 0);
    assert_int_equal(why.kind, FAULT_EXISTS);
    assert_int_equal(install_remove(&world.in, &pods, &why), INSTALL_GONE);
    {
        AUTO(memory_free) char *main = node_file(&world, NODE_MAIN);

        assert_string_equal(main, foreign);
    }
    node_end(&world);

    node_make(&world, 2, kinds[0].main, true);
    node_write(&world, NODE_DROP_IN, "# somebody's\n");
    assert_true(install_node(&world.in, &why) < 0);
    assert_non_null(strstr(why.text, "was not written by skep-install"));
    assert_int_equal(install_remove(&world.in, &pods, &why), INSTALL_GONE);
    assert_true(node_has(&world, NODE_DROP_IN));
    node_end(&world);
}

static void new_programs_need_no_restart(void **state)
{
    struct node_world world;
    struct fault why = {0};
    char old[PROGRAMS_ID_ROOM];
    char path[256];

    (void)state;
    node_make(&world, kinds[0].major, kinds[0].main, kinds[0].has_folder);
    assert_int_equal(install_node(&world.in, &why), INSTALL_DONE);
    assert_true(snprintf(path, sizeof(path), "%s/opt/skep/versions/v2", world.folder) > 0);
    assert_int_equal(fs_make_folders(path, 0755), 0);
    assert_true(snprintf(world.in.programs.id, PROGRAMS_ID_ROOM, "v2") > 0);
    assert_int_equal(install_node(&world.in, &why), INSTALL_DONE);
    assert_int_equal(world.restarts, 1);
    assert_int_equal(programs_switch(&world.in.host, "v2", old, &why), 0);
    assert_string_equal(old, "v2");
    node_end(&world);
}

static void tables_of_before_are_renewed(void **state)
{
    struct node_world world;
    struct cri_pods pods;
    struct fault why = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        node_make(&world, kinds[i].major, kinds[i].main, kinds[i].has_folder);
        assert_int_equal(install_node(&world.in, &why), INSTALL_DONE);
        /* Another version of this program writes other tables; with a failure, the old ones are back. */
        assert_true(snprintf(world.in.programs.bin, sizeof(world.in.programs.bin), "/elsewhere") >
                    0);
        world.breaks = true;
        {
            AUTO(memory_free) char *before = node_file(&world, kinds[i].written);
            AUTO(memory_free) char *after = NULL;

            /* Broken with any of our tables: also as it is. */
            assert_true(install_node(&world.in, &why) < 0);
            after = node_file(&world, kinds[i].written);
            assert_string_equal(after, before);
        }
        world.breaks = false;
        assert_int_equal(install_node(&world.in, &why), INSTALL_DONE);
        assert_int_equal(world.restarts, 2);
        {
            AUTO(memory_free) char *written = node_file(&world, kinds[i].written);

            assert_non_null(strstr(written, "/elsewhere/containerd-shim-skep-v2"));
            assert_null(strstr(written, "/opt/skep"));
        }
        assert_int_equal(install_remove(&world.in, &pods, &why), INSTALL_GONE);
        same_as(&world, &kinds[i]);
        node_end(&world);
    }
}

static void pods_hold_it(void **state)
{
    struct node_world world;
    struct cri_pods pods;
    struct fault why = {0};

    (void)state;
    node_make(&world, kinds[0].major, kinds[0].main, kinds[0].has_folder);
    assert_int_equal(install_node(&world.in, &why), INSTALL_DONE);
    world.pods = 2;
    assert_int_equal(install_remove(&world.in, &pods, &why), INSTALL_IN_USE);
    assert_int_equal(pods.count, 2);
    assert_true(node_has(&world, NODE_DROP_IN));
    assert_true(node_has(&world, "/opt/skep/current"));
    node_end(&world);
}

static void two_at_once_do_not_mix(void **state)
{
    struct node_world world;
    struct fault why = {0};
    AUTO(fd_close) int other = -1;

    (void)state;
    node_make(&world, kinds[0].major, kinds[0].main, kinds[0].has_folder);
    other = fs_open_in_root(world.in.host.dir, "/etc", O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    assert_true(install_node(&world.in, &why) < 0);
    assert_non_null(strstr(why.text, "another skep-install"));
    same_as(&world, &kinds[0]);
    node_end(&world);
}

/* Runs in a child that dies in its call number @at. Return: did it? */
static bool killed(struct node_world *world, bool removing, int at)
{
    struct cri_pods pods;
    struct fault why = {0};
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        world->calls = 0;
        world->die_at = at;
        _exit((removing ? install_remove(&world->in, &pods, &why)
                        : install_node(&world->in, &why)) < 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 7;
}

/* The child's containerd was a copy: of its restarts the parent's knows nothing. */
static void killed_at_any_step_it_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        int at = 1;
        bool died = true;

        for (; died; at++) {
            struct node_world world;
            struct cri_pods pods;
            struct fault why = {0};

            node_make(&world, kinds[i].major, kinds[i].main, kinds[i].has_folder);
            died = killed(&world, false, at);
            assert_true(install_node(&world.in, &why) >= 0);
            assert_int_equal(world.loaded, config_handlers_count());
            (void)killed(&world, true, at);
            assert_int_equal(install_remove(&world.in, &pods, &why), INSTALL_GONE);
            assert_int_equal(world.loaded, 0);
            same_as(&world, &kinds[i]);
            node_end(&world);
        }
        /* major, loaded, two dumps, restart, loaded: it was killed in front of each. */
        assert_int_equal(at - 2, 6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_goes_there_and_back),
        cmocka_unit_test(a_failure_is_taken_back),
        cmocka_unit_test(a_removal_that_fails_is_taken_back),
        cmocka_unit_test(other_settings_must_stay),
        cmocka_unit_test(a_way_back_that_fails_is_said),
        cmocka_unit_test(what_is_broken_before_is_left_alone),
        cmocka_unit_test(what_others_wrote_is_left_alone),
        cmocka_unit_test(new_programs_need_no_restart),
        cmocka_unit_test(tables_of_before_are_renewed),
        cmocka_unit_test(pods_hold_it),
        cmocka_unit_test(two_at_once_do_not_mix),
        cmocka_unit_test(killed_at_any_step_it_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
