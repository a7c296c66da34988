/* SPDX-License-Identifier: Apache-2.0 */
/* Each test enters a sandbox in a child and tries what the sandbox forbids. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "runtime/sandbox/sandbox.h"

enum { NOT_ENTERED = 99, NO_ERROR = 98 };

/* Runs in the child after it entered; what it returns is the exit status. */
typedef int attempt_fn(void);

static void enter(enum sandbox_profile profile, const struct sandbox_options *options,
                  struct sandbox *sandbox)
{
    struct fault why = {0};

    if (sandbox_enter_early(profile, options, sandbox, &why) < 0 ||
        sandbox_enter_late(sandbox, &why) < 0) {
        (void)dprintf(2, "%s\n", why.text);
        _exit(NOT_ENTERED);
    }
}

static int status_of(pid_t child)
{
    int status = 0;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int try_in(enum sandbox_profile profile, const struct sandbox_options *options,
                  attempt_fn *attempt)
{
    pid_t child = fork();

    if (child == 0) {
        struct sandbox sandbox = {0};

        enter(profile, options, &sandbox);
        _exit(attempt());
    }
    return status_of(child);
}

static int exit_of(int status)
{
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* errno of a call that must fail, as an exit status. */
static int error_of(long result)
{
    return result < 0 ? errno : NO_ERROR;
}

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

static int do_bpf(void)
{
    return error_of(syscall(SYS_bpf, 0, NULL, 0));
}

static void what_only_an_attacker_does_ends_the_process(void **state)
{
    static attempt_fn *const attempts[] = {
        do_exec,    do_fork,  do_vfork, do_setuid,   do_ptrace,
        do_unshare, do_setns, do_mount, do_io_uring, do_bpf,
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
}

static void files_of_root_stay_closed(void **state)
{
    (void)state;
    assert_fails(SANDBOX_WORKER, do_open_shadow, EACCES);
    assert_fails(SANDBOX_IMAGES, do_open_shadow, EACCES);
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

/* The line of /proc/self/status that starts with @key, after it. */
static bool status_says(const char *key, const char *value)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    bool found = false;

    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            found = strcmp(line + strlen(key), value) == 0;
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return found;
}

static int do_look_at_identity(void)
{
    gid_t groups[8];

    if (getuid() != sandbox_user(SANDBOX_WORKER) || getegid() != sandbox_user(SANDBOX_WORKER) ||
        getgroups(8, groups) != 0) {
        return 1;
    }
    if (!status_says("CapEff:\t", "0000000000000000\n") ||
        !status_says("CapPrm:\t", "0000000000000000\n") ||
        !status_says("CapInh:\t", "0000000000000000\n") ||
        !status_says("CapAmb:\t", "0000000000000000\n") ||
        !status_says("CapBnd:\t", "0000000000000000\n")) {
        return 2;
    }
    return status_says("NoNewPrivs:\t", "1\n") ? 0 : 3;
}

static void early_child(attempt_fn *attempt)
{
    struct sandbox sandbox = {0};
    struct fault why = {0};

    if (sandbox_enter_early(SANDBOX_WORKER, NULL, &sandbox, &why) < 0) {
        _exit(NOT_ENTERED);
    }
    _exit(attempt());
}

static void the_worker_is_nobody_and_has_nothing(void **state)
{
    gid_t group = 5;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        if (setgroups(1, &group) != 0) {
            _exit(NOT_ENTERED);
        }
        early_child(do_look_at_identity);
    }
    assert_int_equal(exit_of(status_of(child)), 0);
}

static int do_open_pagemap(void)
{
    return open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno;
}

static void between_the_steps_the_engine_can_open_its_pagemap(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        early_child(do_open_pagemap);
    }
    assert_int_equal(exit_of(status_of(child)), 0);
}

static ino_t network_of_parent;

static int do_look_at_network(void)
{
    struct stat about = {0};

    if (stat("/proc/self/ns/net", &about) != 0) {
        return 1;
    }
    return about.st_ino != network_of_parent ? 0 : 2;
}

static void the_worker_has_a_network_of_its_own(void **state)
{
    struct stat about = {0};
    pid_t child;

    (void)state;
    assert_int_equal(stat("/proc/self/ns/net", &about), 0);
    network_of_parent = about.st_ino;
    child = fork();
    if (child == 0) {
        early_child(do_look_at_network);
    }
    assert_int_equal(exit_of(status_of(child)), 0);
}

static int do_look_at_limits(void)
{
    struct rlimit core = {1, 1};
    struct rlimit files = {0, 0};

    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0) {
        return 1;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur != files.rlim_max ||
        files.rlim_cur < 4096) {
        return 2;
    }
    if (fcntl(9, F_GETFD) >= 0 || fcntl(2, F_GETFD) < 0) {
        return 3;
    }
    return prctl(PR_GET_DUMPABLE) < 0 && errno == EPERM ? 0 : 4;
}

static void descriptors_and_limits_are_as_asked(void **state)
{
    struct sandbox_options options = {.fds_kept = 3};
    int nine = dup2(1, 9);

    (void)state;
    assert_int_equal(nine, 9);
    assert_int_equal(exit_of(try_in(SANDBOX_WORKER, &options, do_look_at_limits)), 0);
    assert_int_equal(close(nine), 0);
}

static int do_map_much(void)
{
    void *at = mmap(NULL, (size_t)1 << 46, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? errno : NO_ERROR;
}

static int do_spin(void)
{
    static volatile bool forever = true;

    while (forever) {
    }
    return 0;
}

static void a_job_has_only_so_much_memory_and_time(void **state)
{
    struct sandbox_options memory = {.memory_bytes = (uint64_t)1 << 46};
    struct sandbox_options time = {.cpu_seconds = 1};
    int status;

    (void)state;
    assert_int_equal(exit_of(try_in(SANDBOX_COMPILER, &memory, do_map_much)), ENOMEM);
    status = try_in(SANDBOX_COMPILER, &time, do_spin);
    assert_true(WIFSIGNALED(status));
}

/* In the child: enter as @options say, then check the words. */
static void words_child(const struct sandbox_options *options, const char *wanted)
{
    AUTO(buf_fini) struct buf words = BUF(2000);
    struct sandbox sandbox = {0};

    enter(SANDBOX_WORKER, options, &sandbox);
    sandbox_print(&sandbox, &words);
    buf_put_u8(&words, 0);
    (void)dprintf(2, "%s\n", (const char *)words.data);
    _exit(strcmp(sandbox.missing, wanted) == 0 ? 0 : 1);
}

static void root_misses_no_wall(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        words_child(NULL, "");
    }
    assert_int_equal(exit_of(status_of(child)), 0);
}

static void root_that_stays_root_says_so(void **state)
{
    struct sandbox_options options = {.keep_user = true};
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        words_child(&options, "a user of its own");
    }
    assert_int_equal(exit_of(status_of(child)), 0);
}

static void others_say_what_is_missing(void **state)
{
    struct sandbox_options options = {.keep_user = true};
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) {
            _exit(NOT_ENTERED);
        }
        words_child(&options, "an empty network, an empty bounding set, a user of its own");
    }
    assert_int_equal(exit_of(status_of(child)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_only_an_attacker_does_ends_the_process),
        cmocka_unit_test(what_is_not_listed_is_refused),
        cmocka_unit_test(files_of_root_stay_closed),
        cmocka_unit_test(the_compiler_opens_no_path_at_all),
        cmocka_unit_test(images_has_only_sockets_of_this_node),
        cmocka_unit_test(threads_that_were_there_before_are_filtered_too),
        cmocka_unit_test(threads_can_start),
        cmocka_unit_test(the_worker_is_nobody_and_has_nothing),
        cmocka_unit_test(between_the_steps_the_engine_can_open_its_pagemap),
        cmocka_unit_test(the_worker_has_a_network_of_its_own),
        cmocka_unit_test(descriptors_and_limits_are_as_asked),
        cmocka_unit_test(a_job_has_only_so_much_memory_and_time),
        cmocka_unit_test(root_misses_no_wall),
        cmocka_unit_test(root_that_stays_root_says_so),
        cmocka_unit_test(others_say_what_is_missing),
    };

    if (geteuid() != 0) {
        (void)fprintf(stderr, "skipped: not root\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
