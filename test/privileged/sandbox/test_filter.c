/* SPDX-License-Identifier: Apache-2.0 */
/* What the filter sees of a mode, and a kernel that takes no filter. */
#include "test/privileged/sandbox/attempt.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "runtime/sandbox/filter.h"

static void assert_fails(attempt_fn *attempt, int err)
{
    assert_int_equal(exit_of(try_in(SANDBOX_WORKER, NULL, attempt)), err);
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
    return error_of(openat(volume_fd, "plain", O_CREAT | O_WRONLY, 0755));
}

/* The map of owners of a volume may make root of a worker: what it makes must not be root's to run. */
static void a_worker_makes_no_file_that_runs_as_its_owner(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(volume));
    assert_int_equal(chown(volume, sandbox_user(SANDBOX_WORKER), sandbox_user(SANDBOX_WORKER)), 0);
    volume_fd = open(volume, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(volume_fd >= 0);
    assert_fails(do_make_set_uid, EPERM);
    assert_fails(do_make_set_gid, EPERM);
    assert_fails(do_make_hidden_set_uid, EPERM);
    assert_fails(do_openat2, ENOSYS);
    assert_fails(do_become_set_uid, EPERM);
    assert_fails(do_make_plain, NO_ERROR);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_makes_no_file_that_runs_as_its_owner),
        cmocka_unit_test(a_kernel_that_takes_no_filter_is_told_as_such),
    };

    if (geteuid() != 0) {
        (void)fprintf(stderr, "skipped: not root\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
