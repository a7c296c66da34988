/* SPDX-License-Identifier: Apache-2.0 */
/* Each test enters a sandbox in a child and tries a system call that the sandbox forbids. */
#include "test/privileged/sandbox/attempt.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "runtime/sandbox/filter.h"

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

static char volume[] = "/tmp/skep-volume-XXXXXX";
static int volume_fd = -1;

static int do_make_set_uid(void)
{
    return error_of(openat(volume_fd, "up", O_CREAT | O_WRONLY, 04755));
}

static int do_make_set_gid(void)
{
    return error_of(openat(volume_fd, "up", O_CREAT | O_WRONLY, 02755));
}

static int do_make_hidden_set_uid(void)
{
    return error_of(openat(volume_fd, ".", O_TMPFILE | O_WRONLY, 04755));
}

static int do_openat2(void)
{
    uint64_t how[3] = {O_CREAT | O_WRONLY, 04755, 0};

    return error_of(syscall(SYS_openat2, volume_fd, "up", how, sizeof(how)));
}

static int do_become_set_uid(void)
{
    int file = openat(volume_fd, "plain", O_CREAT | O_WRONLY, 0755);

    return file < 0 ? 1 : error_of(fchmod(file, 04755));
}

static int do_make_plain(void)
{
    int file = openat(volume_fd, "plain", O_CREAT | O_WRONLY, 0755);

    return error_of(file < 0 ? -1 : fchmod(file, 0700));
}

/* The map of owners of a volume may make root of a worker: what it makes must not be root's to run. */
static void a_worker_makes_no_file_that_runs_as_its_owner(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(volume));
    assert_int_equal(chown(volume, sandbox_user(SANDBOX_WORKER), sandbox_user(SANDBOX_WORKER)), 0);
    volume_fd = open(volume, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(volume_fd >= 0);
    assert_fails(SANDBOX_WORKER, do_make_set_uid, EPERM);
    assert_fails(SANDBOX_WORKER, do_make_set_gid, EPERM);
    assert_fails(SANDBOX_WORKER, do_make_hidden_set_uid, EPERM);
    assert_fails(SANDBOX_WORKER, do_openat2, ENOSYS);
    assert_fails(SANDBOX_WORKER, do_become_set_uid, EPERM);
    assert_fails(SANDBOX_WORKER, do_make_plain, NO_ERROR);
    (void)unlinkat(volume_fd, "plain", 0);
    assert_int_equal(rmdir(volume), 0);
    assert_int_equal(close(volume_fd), 0);
}

/* As in a container whose own filter does not let anybody make filters. */
static int refuse_filters(void)
{
    AUTO(filter_done) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (!filter ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                         SCMP_CMP64(0, SCMP_CMP_EQ, PR_SET_SECCOMP)) != 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(seccomp), 0) != 0) {
        return -1;
    }
    return seccomp_load(filter);
}

static int filters_child(uint32_t accepted)
{
    const struct sandbox_options options = {.accepted = accepted};
    struct sandbox sandbox = {0};
    struct sandbox_wall wall;
    struct fault why = {0};
    int missing = 0;

    if (refuse_filters() != 0) {
        return NOT_ENTERED;
    }
    if (sandbox_enter_early(SANDBOX_WORKER, &options, &sandbox, &why) < 0 ||
        sandbox_enter_late(&sandbox, &why) < 0) {
        return why.kind == FAULT_DENIED ? 10 : 11;
    }
    for (size_t i = 0; sandbox_wall(&sandbox, i, &wall); i++) {
        missing += wall.state == SANDBOX_MISSING &&
                   (strcmp(wall.name, "syscalls") == 0 || strcmp(wall.name, "io-uring") == 0);
    }
    return missing;
}

static void a_kernel_that_takes_no_filter_is_told_as_such(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        _exit(filters_child(0));
    }
    assert_int_equal(exit_of(status_of(child)), 10);
    child = fork();
    if (child == 0) {
        _exit(filters_child(SANDBOX_ACCEPT_ALL));
    }
    assert_int_equal(exit_of(status_of(child)), 2);
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
        cmocka_unit_test(a_worker_makes_no_file_that_runs_as_its_owner),
        cmocka_unit_test(a_kernel_that_takes_no_filter_is_told_as_such),
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
