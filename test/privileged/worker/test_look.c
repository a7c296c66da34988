/* SPDX-License-Identifier: Apache-2.0 */
/* A worker that has not built its walls is found out, whichever is missing. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "runtime/sandbox/notify.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/supervisor/look.h"

typedef int enter_fn(struct sandbox *sandbox, struct fault *why);

/* Look at a child that entered by @enter and then waits. Return: of look_at(). */
static int look_after(enter_fn *enter, const char *accept, struct fault *why)
{
    int in[2];
    int out[2];
    uint8_t byte = 0;
    int result;
    pid_t child;

    assert_int_equal(pipe(in) | pipe(out), 0);
    child = fork();
    if (child == 0) {
        struct sandbox sandbox = {0};
        struct fault failed = {0};

        (void)close(in[1]);
        if (enter(&sandbox, &failed) < 0) {
            (void)dprintf(2, "%s\n", failed.text);
            _exit(1);
        }
        _exit(write(out[1], &byte, 1) == 1 && read(in[0], &byte, 1) == 0 ? 0 : 1);
    }
    assert_int_equal(close(out[1]), 0);
    assert_int_equal(read(out[0], &byte, 1), 1);
    result = look_at(&(struct look_plan){child, sandbox_user(SANDBOX_WORKER), accept}, why);
    assert_int_equal(close(in[0]) | close(in[1]) | close(out[0]), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return result;
}

static int enter_with(const struct sandbox_options *options, struct sandbox *sandbox,
                      struct fault *why)
{
    int listener = -1;

    TRY(sandbox_enter_early(SANDBOX_WORKER, options, sandbox, why));
    TRY(notify_sockets(sandbox, &listener, why));
    if (options && options->accepted != 0) {
        sandbox->root_child = 0; /* nobody is asked to empty the root */
    }
    return sandbox_enter_late(sandbox, why);
}

static int enter_all(struct sandbox *sandbox, struct fault *why)
{
    return enter_with(NULL, sandbox, why);
}

static int enter_nothing(struct sandbox *sandbox, struct fault *why)
{
    (void)sandbox;
    (void)why;
    return 0;
}

static int enter_half(struct sandbox *sandbox, struct fault *why)
{
    return sandbox_enter_early(SANDBOX_WORKER, NULL, sandbox, why);
}

static int enter_as_somebody_else(struct sandbox *sandbox, struct fault *why)
{
    const struct sandbox_options options = {.uid = 64300, .gid = 64300};

    return enter_with(&options, sandbox, why);
}

static int enter_with_a_folder(struct sandbox *sandbox, struct fault *why)
{
    if (open("/etc", O_PATH | O_DIRECTORY) < 0) {
        return fault_sys(why, -errno, "open");
    }
    return enter_all(sandbox, why);
}

/* All walls but the empty root, as one that lies about it would. */
static int enter_without_root(struct sandbox *sandbox, struct fault *why)
{
    const struct sandbox_options options = {.accepted = SANDBOX_ACCEPT_ALL};

    return enter_with(&options, sandbox, why);
}

/* Nobody is asked for sockets: a filter fewer. */
static int enter_without_sockets(struct sandbox *sandbox, struct fault *why)
{
    TRY(sandbox_enter_early(SANDBOX_WORKER, NULL, sandbox, why));
    return sandbox_enter_late(sandbox, why);
}

/* The walls are another thread's: the kernel gives each its own user and capabilities. */
static void *idle_thread(void *nothing)
{
    for (;;) {
        (void)pause();
    }
    return nothing;
}

static int enter_with_a_thread_left_behind(struct sandbox *sandbox, struct fault *why)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, idle_thread, NULL) != 0) {
        return fault(why, FAULT_INTERNAL, "no thread");
    }
    return enter_all(sandbox, why);
}

static void a_worker_with_its_walls_passes(void **state)
{
    struct fault why = {0};

    (void)state;
    if (look_after(enter_all, "", &why) < 0) {
        fail_msg("%s", why.text);
    }
}

static void what_is_missing_is_named(void **state)
{
    static const struct {
        enter_fn *enter;
        const char *words;
    } rows[] = {{enter_nothing, "Uid"},
                {enter_half, "Seccomp_filters"},
                {enter_as_somebody_else, "Uid"},
                {enter_without_sockets, "Seccomp_filters"},
                {enter_with_a_thread_left_behind, "Cap"},
                {enter_with_a_folder, "is a folder"},
                {enter_without_root, "root is the node's root"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fault why = {0};

        assert_true(look_after(rows[i].enter, "", &why) < 0);
        assert_int_equal(why.kind, FAULT_DENIED);
        if (!strstr(why.text, rows[i].words)) {
            fail_msg("row %zu: %s", i, why.text);
        }
    }
}

static void what_was_accepted_may_be_missing(void **state)
{
    struct fault why = {0};

    (void)state;
    assert_int_equal(look_after(enter_without_root, "landlock,root", &why), 0);
    assert_int_equal(look_after(enter_without_sockets, "sockets", &why), 0);
    assert_true(look_after(enter_without_sockets, "io-uring-not", &why) < 0);
    assert_true(look_after(enter_half, "sockets", &why) < 0);
    assert_true(look_after(enter_without_root, "landlock,roots", &why) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_with_its_walls_passes),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(what_was_accepted_may_be_missing),
    };

    if (geteuid() != 0) {
        (void)fprintf(stderr, "skipped: not root\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
