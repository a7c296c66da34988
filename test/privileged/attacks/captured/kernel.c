/* SPDX-License-Identifier: Apache-2.0 */
/* Against the kernel and other processes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "test/privileged/attacks/captured/captured.h"

static int answer(long result)
{
    return result < 0 ? errno : WORKED;
}

/*
 * One call with these arguments; what it would do is not reached. Where a kernel without the list
 * would answer EPERM too, the arguments are such that it would not (a clock that there is not, a
 * FIFO in place of a device): EPERM is the list's then. Of sethostname that is not possible.
 */
#define CALL(name, ...)                                                                            \
    static int try_##name(const struct victims *victims)                                           \
    {                                                                                              \
        (void)victims;                                                                             \
        return answer(syscall(SYS_##name, __VA_ARGS__));                                           \
    }

CALL(execve, "/bin/sh", NULL, NULL)
CALL(fork, 0)
CALL(vfork, 0)
CALL(mount, "none", "/", "tmpfs", 0, NULL)
CALL(umount2, "/", MNT_DETACH)
CALL(pivot_root, ".", ".")
CALL(chroot, "/")
CALL(open_tree, FAR_FOLDER, "", 1 | AT_EMPTY_PATH)
CALL(fsopen, "tmpfs", 0)
CALL(move_mount, FAR_FOLDER, "", OWN_FOLDER, "", 0x44)
CALL(setns, 3, 0)
CALL(unshare, CLONE_NEWUSER | CLONE_NEWNS)
CALL(open_by_handle_at, FAR_FOLDER, NULL, 0)
CALL(bpf, 0, NULL, 0)
CALL(perf_event_open, NULL, 0, -1, -1, 0)
CALL(io_uring_setup, 8, NULL)
CALL(io_uring_enter, 3, 1, 0, 0, NULL, 0)
CALL(userfaultfd, 0)
CALL(add_key, "user", "a", "b", 1, -3)
CALL(init_module, NULL, 0, "")
CALL(kexec_load, 0, 0, NULL, 0)
CALL(reboot, 0xfee1dead, 672274793, 0x1234567, NULL)
CALL(setuid, 0)
CALL(setgroups, 0, NULL)
CALL(capset, NULL, NULL)
CALL(iopl, 3)
CALL(clone3, NULL, 0)
CALL(personality, 0x0400000)
CALL(mknodat, OWN_FOLDER, "fifo", 0010600, 0)
CALL(quotactl, 0, NULL, 0, NULL)
CALL(swapon, "/", -1)
CALL(sethostname, "mine", 4)
CALL(clock_settime, 4711, &(struct timespec){.tv_sec = 1})
CALL(seccomp, 1, 0, NULL)
CALL(landlock_create_ruleset, NULL, 0, 1)
CALL(memfd_secret, 0)
CALL(inotify_init1, 0)
CALL(fanotify_init, 0x200, 0)
CALL(name_to_handle_at, FAR_FOLDER, "file", NULL, NULL, 0)
CALL(mlockall, 0)

static int execute_memory(const struct victims *victims)
{
    int memory = memfd_create("program", 0);

    (void)victims;
    return answer(syscall(SYS_execveat, memory, "", NULL, NULL, AT_EMPTY_PATH));
}

static int clone_namespace(const struct victims *victims)
{
    (void)victims;
    return answer(syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWUSER, NULL,
                          NULL, NULL, 0));
}

static int trace_other(const struct victims *victims)
{
    return answer(ptrace(PTRACE_ATTACH, victims->other, NULL, NULL));
}

static int read_other(const struct victims *victims)
{
    char bytes[16];
    struct iovec here = {bytes, sizeof(bytes)};
    struct iovec there = {victims->memory, sizeof(bytes)};

    return answer(process_vm_readv(victims->other, &here, 1, &there, 1, 0));
}

static int steal_descriptor(const struct victims *victims)
{
    int other = (int)syscall(SYS_pidfd_open, victims->other, 0);

    return other < 0 ? errno : answer(syscall(SYS_pidfd_getfd, other, 3, 0));
}

static int signal_other(const struct victims *victims)
{
    return answer(kill(victims->other, SIGKILL));
}

static int signal_supervisor(const struct victims *victims)
{
    return answer(kill(victims->supervisor, SIGTERM));
}

static int signal_thread_of_other(const struct victims *victims)
{
    return answer(syscall(SYS_tgkill, victims->other, victims->other, SIGKILL));
}

static int queue_signal(const struct victims *victims)
{
    siginfo_t info = {.si_code = SI_QUEUE};

    return answer(syscall(SYS_rt_sigqueueinfo, victims->other, SIGTERM, &info));
}

static int limit_other(const struct victims *victims)
{
    struct rlimit none = {0, 0};

    return answer(prlimit(victims->other, RLIMIT_NOFILE, &none, NULL));
}

static int be_dumped(const struct victims *victims)
{
    (void)victims;
    return answer(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int be_root_again(const struct victims *victims)
{
    (void)victims;
    return answer(syscall(SYS_setresuid, 0, 0, 0));
}

/* The table of 32-bit programs has other numbers: 1 is exit(2) there, 2 is fork(2). */
static int call_as_32_bit(const struct victims *victims)
{
    long result = 2;

    (void)victims;
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
    return result < 0 ? (int)-result : WORKED;
}

static int call_as_x32(const struct victims *victims)
{
    (void)victims;
    return answer(syscall(0x40000000L + SYS_fork));
}

#define ROW(name, words, expected) {"kernel-" #name, words, WALL_3, try_##name, expected}
static const struct attack rows[] = {
    ROW(execve, "run a program by path", KILLED),
    {"kernel-execveat", "run a program from memory", WALL_3, execute_memory, KILLED},
    ROW(fork, "make a process", KILLED),
    ROW(vfork, "make a process with vfork", KILLED),
    ROW(clone3, "make a process with flags that a filter cannot see", ENOSYS),
    {"kernel-clone", "make a thread in a namespace of its own", WALL_3, clone_namespace, EPERM},
    ROW(unshare, "a user and a mount namespace", KILLED),
    ROW(setns, "enter another namespace", KILLED),
    ROW(mount, "mount a file system", KILLED),
    ROW(umount2, "take the empty root away", KILLED),
    ROW(pivot_root, "leave the empty root", KILLED),
    ROW(chroot, "another root", KILLED),
    ROW(open_tree, "clone a mount", KILLED),
    ROW(fsopen, "make a file system", KILLED),
    ROW(move_mount, "move a mount over another", KILLED),
    ROW(open_by_handle_at, "open an inode by number", KILLED),
    ROW(name_to_handle_at, "learn an inode's handle", EPERM),
    ROW(bpf, "load a program into the kernel", KILLED),
    ROW(perf_event_open, "watch others by counters", KILLED),
    ROW(io_uring_setup, "a ring that goes around the filter", ENOSYS),
    ROW(io_uring_enter, "use a ring that somebody left", KILLED),
    ROW(userfaultfd, "hold the kernel in a page fault", KILLED),
    ROW(add_key, "use the kernel's keys", KILLED),
    ROW(init_module, "load a module", KILLED),
    ROW(kexec_load, "load another kernel", KILLED),
    ROW(reboot, "restart the node", KILLED),
    ROW(iopl, "talk to devices", KILLED),
    ROW(setuid, "become root", KILLED),
    {"kernel-setresuid", "become root in all three ways", WALL_3, be_root_again, KILLED},
    ROW(setgroups, "join groups", KILLED),
    ROW(capset, "take capabilities", KILLED),
    ROW(personality, "turn off address randomisation", EPERM),
    ROW(mknodat, "make what is no file", EPERM),
    ROW(quotactl, "change quotas", EPERM),
    ROW(swapon, "swap to a file", EPERM),
    ROW(sethostname, "rename the node", EPERM),
    ROW(clock_settime, "change the time", EPERM),
    ROW(seccomp, "put another filter on top", EPERM),
    ROW(landlock_create_ruleset, "ask for rules of its own", EPERM),
    ROW(memfd_secret, "memory that nobody can look into", EPERM),
    ROW(inotify_init1, "watch files", EPERM),
    ROW(fanotify_init, "watch all files", EPERM),
    ROW(mlockall, "keep the node's memory", EPERM),
    {"kernel-dumpable", "be dumped and debugged again", WALL_3, be_dumped, EPERM},
    {"kernel-32-bit", "the system calls of 32-bit programs", WALL_3, call_as_32_bit, KILLED},
    {"kernel-x32", "the system calls of x32 programs", WALL_3, call_as_x32, KILLED},
    {"other-ptrace", "debug another worker", WALL_6, trace_other, KILLED},
    {"other-read", "read another worker's memory", WALL_6, read_other, KILLED},
    {"other-descriptor", "take a descriptor out of another worker", WALL_6, steal_descriptor, EPERM},
    {"other-kill", "end another worker", WALL_6, signal_other, EPERM},
    {"other-tgkill", "end a thread of another worker", WALL_6, signal_thread_of_other, EPERM},
    {"other-queue", "queue a signal to another worker", WALL_6, queue_signal, EPERM},
    {"other-limit", "take another worker's descriptors by a limit", WALL_6, limit_other, EPERM},
    {"supervisor-kill", "end the supervisor", WALL_6, signal_supervisor, EPERM},
};

const struct attacks attacks_on_kernel = {rows, ARRAY_SIZE(rows)};
