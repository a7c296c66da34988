/* SPDX-License-Identifier: Apache-2.0 */
/* Who a process is in its sandbox, what it has, and what is said about it. */
#include "test/privileged/sandbox/attempt.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/text.h"
#include "runtime/sandbox/walls.h"

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

/* No path leads out, from wherever it starts; nothing can be made. */
static int do_look_around(void)
{
    static const char *const paths[] = {"/proc/self", "/etc/passwd", "../../etc", "/dev/null"};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        if (open(paths[i], O_RDONLY | O_CLOEXEC) >= 0 || errno != ENOENT) {
            return 1 + (int)i;
        }
    }
    if (open("/new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0) {
        return 10;
    }
    return open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) >= 0 ? 0 : 11;
}

static void the_worker_s_root_is_empty(void **state)
{
    (void)state;
    assert_int_equal(exit_of(try_in(SANDBOX_WORKER, NULL, do_look_around)), 0);
}

static void a_worker_that_dies_between_the_steps_leaves_nobody(void **state)
{
    int pair[2];
    uint8_t byte;
    pid_t child;

    (void)state;
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        struct sandbox sandbox = {0};
        struct fault why = {0};

        _exit(sandbox_enter_early(SANDBOX_WORKER, NULL, &sandbox, &why) == 0 &&
                      sandbox.root_child > 0
                  ? 0
                  : 1);
    }
    assert_int_equal(close(pair[1]), 0);
    assert_int_equal(exit_of(status_of(child)), 0);
    assert_int_equal(read(pair[0], &byte, 1), 0); /* nobody holds the other end */
    assert_int_equal(close(pair[0]), 0);
}

/* With the root alone taken away, no filter of system calls yet. */
static void the_empty_root_alone_forbids_user_namespaces(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        struct sandbox sandbox = {0};
        struct fault why = {0};

        if (sandbox_enter_early(SANDBOX_WORKER, NULL, &sandbox, &why) < 0 ||
            wall_root(&sandbox, &why) != 0) {
            _exit(NOT_ENTERED);
        }
        _exit(error_of(unshare(CLONE_NEWUSER)));
    }
    assert_int_equal(exit_of(status_of(child)), EPERM);
}

/* A process of @profile between the steps; it ends when @ends is closed. */
static pid_t bystander(enum sandbox_profile profile, const int ends[2])
{
    pid_t child = fork();
    uint8_t byte;

    if (child == 0) {
        struct sandbox sandbox = {0};
        struct fault why = {0};

        (void)close(ends[1]);
        _exit(sandbox_enter_early(profile, NULL, &sandbox, &why) < 0 ? NOT_ENTERED
                                                                     : (int)read(ends[0], &byte, 1));
    }
    return child;
}

/* Two workers have one user: without the wall one could signal the other. */
static void a_worker_cannot_signal_another(void **state)
{
    struct sandbox_wall wall = {.name = ""};
    int ends[2];
    pid_t other;
    pid_t child;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    other = bystander(SANDBOX_WORKER, ends);
    child = fork();
    if (child == 0) {
        struct sandbox sandbox = {0};
        struct fault why = {0};
        bool missing = false;

        if (sandbox_enter_early(SANDBOX_WORKER, NULL, &sandbox, &why) < 0) {
            _exit(NOT_ENTERED);
        }
        for (size_t i = 0; sandbox_wall(&sandbox, i, &wall); i++) {
            missing = missing || (strcmp(wall.name, "landlock") == 0 &&
                                  wall.state == SANDBOX_MISSING);
        }
        _exit(missing ? EPERM : error_of(kill(other, 0)));
    }
    assert_int_equal(exit_of(status_of(child)), EPERM);
    assert_int_equal(close(ends[0]) | close(ends[1]), 0);
    (void)status_of(other);
}

static void a_compile_job_opens_no_path_from_its_first_step_on(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        struct sandbox sandbox = {0};
        struct fault why = {0};

        if (sandbox_enter_early(SANDBOX_COMPILER, NULL, &sandbox, &why) < 0) {
            _exit(NOT_ENTERED);
        }
        _exit(sandbox.missing[0] != '\0' ? EACCES
                                         : error_of(open("/etc/passwd", O_RDONLY | O_CLOEXEC)));
    }
    assert_int_equal(exit_of(status_of(child)), EACCES);
}

static void names_of_walls_are_read_and_others_refused(void **state)
{
    uint32_t accepted = 0;
    struct fault why = {0};

    (void)state;
    assert_int_equal(sandbox_accept(text_of("root,landlock,sockets"), &accepted, &why), 0);
    assert_int_equal(__builtin_popcount(accepted), 3);
    assert_int_equal(sandbox_accept(text_of(""), &accepted, &why), 0);
    assert_int_equal(accepted, 0);
    assert_true(sandbox_accept(text_of("rot"), &accepted, &why) < 0);
    assert_non_null(strstr(why.text, "no wall \"rot\""));
    assert_non_null(strstr(why.text, "root"));
    assert_true(sandbox_accept(text_of("limits"), &accepted, &why) < 0);
    assert_non_null(strstr(why.text, "no wall \"limits\" can be missing"));
}

static void root_that_stays_root_says_so(void **state)
{
    struct sandbox_options options = {.keep_user = true};
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        words_child(&options, "mounts of its own, a user of its own, an empty root");
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
        words_child(&options, "an empty network, mounts of its own, an empty bounding set, "
                              "a user of its own, an empty root");
    }
    assert_int_equal(exit_of(status_of(child)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worker_is_nobody_and_has_nothing),
        cmocka_unit_test(between_the_steps_the_engine_can_open_its_pagemap),
        cmocka_unit_test(the_worker_has_a_network_of_its_own),
        cmocka_unit_test(descriptors_and_limits_are_as_asked),
        cmocka_unit_test(a_job_has_only_so_much_memory_and_time),
        cmocka_unit_test(the_worker_s_root_is_empty),
        cmocka_unit_test(a_worker_that_dies_between_the_steps_leaves_nobody),
        cmocka_unit_test(the_empty_root_alone_forbids_user_namespaces),
        cmocka_unit_test(a_worker_cannot_signal_another),
        cmocka_unit_test(a_compile_job_opens_no_path_from_its_first_step_on),
        cmocka_unit_test(names_of_walls_are_read_and_others_refused),
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
