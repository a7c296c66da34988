/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child tells a failed exec through a close-on-exec pipe, so that the parent can put it into
 * words. Between fork and exec only async-signal-safe calls are made.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"

/* Moves the wanted descriptors above all targets first, so that no dup2() hits a source. */
static int child_place(const struct process_plan *plan, int report)
{
    int wanted[3 + PROCESS_FDS_MAX];
    size_t count = 3 + plan->fds_count;
    int floor = (int)count + 1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int safe_report = fcntl(report, F_DUPFD_CLOEXEC, floor);

    wanted[0] = plan->in < 0 ? null : plan->in;
    wanted[1] = plan->out < 0 ? null : plan->out;
    wanted[2] = plan->err < 0 ? null : plan->err;
    for (size_t i = 0; i < plan->fds_count; i++) {
        wanted[3 + i] = plan->fds[i];
    }
    for (size_t i = 0; i < count; i++) {
        wanted[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, floor);
        if (wanted[i] < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (dup2(wanted[i], (int)i) < 0) {
            return -1;
        }
    }
    if (dup3(safe_report, (int)count, O_CLOEXEC) < 0) {
        return -1;
    }
    (void)syscall(SYS_close_range, (unsigned)count + 1, ~0U, 0);
    return (int)count;
}

static void NORETURN child_run(const struct process_plan *plan, int report)
{
    static const char *const empty[] = {NULL};
    sigset_t none;
    int placed = child_place(plan, report);
    int err;

    if (placed >= 0) {
        report = placed;
        (void)sigemptyset(&none);
        for (int number = 1; number < 65; number++) {
            (void)signal(number, SIG_DFL);
        }
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        if (plan->session) {
            (void)setsid();
        }
        if ((!plan->root || chroot(plan->root) == 0) && chdir("/") == 0) {
            (void)execve(plan->path, (char *const *)(uintptr_t)plan->argv,
                         (char *const *)(uintptr_t)(plan->envp ? plan->envp : empty));
        }
    }
    err = errno;
    if (write(report, &err, sizeof(err)) < 0) {
        _exit(126);
    }
    _exit(127);
}

int process_start(const struct process_plan *plan, int *ret_pid, struct fault *why)
{
    AUTO(fd_close) int hear = -1;
    int report[2];
    int err = 0;
    ssize_t got;
    pid_t pid;

    if (plan->fds_count > PROCESS_FDS_MAX) {
        return fault(why, FAULT_LIMIT, "a program is started with at most %d descriptors",
                     PROCESS_FDS_MAX);
    }
    if (pipe2(report, O_CLOEXEC) < 0) {
        return fault_sys(why, -errno, "make a pipe to start %s", plan->path);
    }
    hear = report[0];
    pid = fork();
    if (pid == 0) {
        child_run(plan, report[1]);
    }
    (void)fd_close(report[1]);
    if (pid < 0) {
        return fault_sys(why, -errno, "fork to start %s", plan->path);
    }
    do {
        got = read(hear, &err, sizeof(err));
    } while (got < 0 && errno == EINTR);
    if (got == (ssize_t)sizeof(err)) {
        (void)waitpid(pid, NULL, 0);
        return fault_sys(why, -err, "execute %s", plan->path);
    }
    *ret_pid = pid;
    return 0;
}

int process_sibling(const char *name, char *ret, size_t room, struct fault *why)
{
    static const char *const places[] = {"", "../libexec/skep/"};
    char self[3800];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash = NULL;

    if (length < 0) {
        return fault_sys(why, -errno, "read /proc/self/exe");
    }
    self[length] = '\0';
    slash = strrchr(self, '/');
    if (slash) {
        slash[1] = '\0';
    }
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        (void)snprintf(ret, room, "%s%s%s", self, places[i], name);
        if (access(ret, X_OK) == 0) {
            return 0;
        }
    }
    return fault(why, FAULT_NOT_FOUND, "%s is neither in %s nor in %s../libexec/skep", name, self,
                 self);
}
