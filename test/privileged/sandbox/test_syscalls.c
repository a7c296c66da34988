/* SPDX-License-Identifier: Apache-2.0 */
/* Each test enters a sandbox in a child and tries a system call that the sandbox forbids. */
#include "test/privileged/sandbox/attempt.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static void assert_killed(enum sandbox_profile profile, attempt_fn *attempt)
{
    int status = try_in(profile, NULL, attempt);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void assert_fails(enum sandbox_profile profile, attempt_fn *attempt, int err)
{
    assert_int_equal(exit_of(try_in(profile, NULL, attempt)), err);
}

static int do_exec(void)
{
    return error_of(execl("/bin/true", "true", (char *)NULL));
}

static int do_fork(void)
{
    return error_of(fork());
}

static int do_vfork(void)
{
    return error_of(syscall(SYS_clone, CLONE_VFORK | CLONE_VM | SIGCHLD, 0, 0, 0, 0));
}

static int do_setuid(void)
{
    return error_of(syscall(SYS_setuid, 0));
}

static int do_ptrace(void)
{
    return error_of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int do_unshare(void)
{
    return error_of(unshare(CLONE_NEWUSER | CLONE_NEWNS));
}

static int do_setns(void)
{
    return error_of(setns(0, CLONE_NEWNET));
}

static int do_mount(void)
{
    return error_of(mount("none", "/", "tmpfs", 0, NULL));
}

static int do_io_uring(void)
{
    return error_of(syscall(SYS_io_uring_setup, 1, NULL));
}

static int do_use_ring(void)
{
    return error_of(syscall(SYS_io_uring_enter, 0, 1, 0, 0, NULL, 0));
}

static int do_bpf(void)
{
    return error_of(syscall(SYS_bpf, 0, NULL, 0));
}

static void what_only_an_attacker_does_ends_the_process(void **state)
{
    static attempt_fn *const attempts[] = {
        do_exec,    do_fork,  do_vfork, do_setuid,   do_ptrace,
        do_unshare, do_setns, do_mount, do_use_ring, do_bpf,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
        assert_killed(SANDBOX_WORKER, attempts[i]);
        assert_killed(SANDBOX_COMPILER, attempts[i]);
    }
    assert_killed(SANDBOX_IMAGES, do_exec);
    assert_killed(SANDBOX_IMAGES, do_fork);
}

static int do_socket(void)
{
    return error_of(socket(AF_INET, SOCK_STREAM, 0));
}

static int do_unix_socket(void)
{
    return error_of(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int do_connect(void)
{
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

    return error_of(connect(0, &nowhere, sizeof(nowhere)));
}

static int do_kill_parent(void)
{
    return error_of(kill(getppid(), 0));
}

static int do_tgkill_other(void)
{
    return error_of(syscall(SYS_tgkill, 1, 1, 0));
}

static int do_set_owner(void)
{
    return error_of(fcntl(0, F_SETOWN, 1));
}

static int do_push_input(void)
{
    return error_of(ioctl(0, TIOCSTI, "x"));
}

static int do_prlimit(void)
{
    struct rlimit limit = {1, 1};

    return error_of(prlimit(0, RLIMIT_NOFILE, &limit, NULL));
}

static int do_clone3(void)
{
    struct clone_args args = {.exit_signal = SIGCHLD};

    return error_of(syscall(SYS_clone3, &args, sizeof(args)));
}

static int do_open_shadow(void)
{
    return error_of(open("/etc/shadow", O_RDONLY));
}

static int do_dumpable(void)
{
    return error_of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static void what_is_not_listed_is_refused(void **state)
{
    (void)state;
    assert_fails(SANDBOX_WORKER, do_socket, EPERM);
    assert_fails(SANDBOX_WORKER, do_unix_socket, EPERM);
    assert_fails(SANDBOX_WORKER, do_connect, EPERM);
    assert_fails(SANDBOX_WORKER, do_kill_parent, EPERM);
    assert_fails(SANDBOX_WORKER, do_tgkill_other, EPERM);
    assert_fails(SANDBOX_WORKER, do_set_owner, EPERM);
    assert_fails(SANDBOX_WORKER, do_push_input, EPERM);
    assert_fails(SANDBOX_WORKER, do_prlimit, EPERM);
    assert_fails(SANDBOX_WORKER, do_dumpable, EPERM);
    assert_fails(SANDBOX_WORKER, do_clone3, ENOSYS);
    assert_fails(SANDBOX_WORKER, do_io_uring, ENOSYS);
    assert_fails(SANDBOX_IMAGES, do_io_uring, ENOSYS);
}

/* A ring that was made between the steps would go around the list of system calls. */
static void rings_are_refused_from_the_first_step_on(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        struct sandbox sandbox = {0};
        struct fault why = {0};

        _exit(sandbox_enter_early(SANDBOX_WORKER, NULL, &sandbox, &why) < 0 ? NOT_ENTERED
                                                                            : do_io_uring());
    }
    assert_int_equal(exit_of(status_of(child)), ENOSYS);
}

static int etc = -1;

static int do_open_shadow_below(void)
{
    return error_of(openat(etc, "shadow", O_RDONLY));
}

static void files_of_root_stay_closed(void **state)
{
    (void)state;
    etc = open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(etc >= 0);
    assert_fails(SANDBOX_WORKER, do_open_shadow, ENOENT);
    assert_fails(SANDBOX_WORKER, do_open_shadow_below, EACCES);
    assert_fails(SANDBOX_IMAGES, do_open_shadow, ENOENT);
    assert_fails(SANDBOX_IMAGES, do_open_shadow_below, EACCES);
    assert_int_equal(close(etc), 0);
}

static void the_compiler_opens_no_path_at_all(void **state)
{
    (void)state;
    assert_fails(SANDBOX_COMPILER, do_open_shadow, EPERM);
    assert_fails(SANDBOX_COMPILER, do_socket, EPERM);
}

static void images_has_only_sockets_of_this_node(void **state)
{
    (void)state;
    assert_fails(SANDBOX_IMAGES, do_socket, EPERM);
    assert_fails(SANDBOX_IMAGES, do_unix_socket, NO_ERROR);
}

static void *thread_socket(void *owner)
{
    int *ready = (int *)owner;
    char byte = 0;

    /* Waits until the filter is there: its own start was before. */
    while (read(ready[0], &byte, 1) == 1) {
        if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) {
            return owner;
        }
    }
    return NULL;
}

static void threads_that_were_there_before_are_filtered_too(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        struct sandbox sandbox = {0};
        struct fault why = {0};
        pthread_t thread;
        int pipe_fds[2];
        void *bad = NULL;

        if (sandbox_enter_early(SANDBOX_WORKER, NULL, &sandbox, &why) < 0 ||
            pipe(pipe_fds) < 0 || pthread_create(&thread, NULL, thread_socket, pipe_fds) != 0 ||
            sandbox_enter_late(&sandbox, &why) < 0) {
            _exit(NOT_ENTERED);
        }
        if (write(pipe_fds[1], "x", 1) != 1 || close(pipe_fds[1]) != 0) {
            _exit(1);
        }
        _exit(pthread_join(thread, &bad) == 0 && !bad ? 0 : 2);
    }
    assert_int_equal(exit_of(status_of(child)), 0);
}

static void *thread_nothing(void *owner)
{
    return owner;
}

static int do_thread(void)
{
    pthread_t thread;
    int mark = 0;
    void *result = NULL;

    if (pthread_create(&thread, NULL, thread_nothing, &mark) != 0) {
        return 1;
    }
    return pthread_join(thread, &result) == 0 && result == &mark ? 0 : 2;
}

static void threads_can_start(void **state)
{
    (void)state;
    assert_int_equal(exit_of(try_in(SANDBOX_WORKER, NULL, do_thread)), 0);
    assert_int_equal(exit_of(try_in(SANDBOX_COMPILER, NULL, do_thread)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_only_an_attacker_does_ends_the_process),
        cmocka_unit_test(what_is_not_listed_is_refused),
        cmocka_unit_test(rings_are_refused_from_the_first_step_on),
        cmocka_unit_test(files_of_root_stay_closed),
        cmocka_unit_test(the_compiler_opens_no_path_at_all),
        cmocka_unit_test(images_has_only_sockets_of_this_node),
        cmocka_unit_test(threads_that_were_there_before_are_filtered_too),
        cmocka_unit_test(threads_can_start),
    };

    if (geteuid() != 0) {
        (void)fprintf(stderr, "skipped: not root\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
