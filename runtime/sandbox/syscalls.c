/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of system calls as a filter. A few rules depend on more than one value and are here:
 * starting threads (not processes), signals to oneself only, limits read and not set. And openat2,
 * whose mode a filter cannot see: who meets ENOSYS uses openat, whose it can. What a name may reach
 * is not decided by either of them, but by the mounts that the descriptors are of.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "runtime/sandbox/filter.h"
#include "runtime/sandbox/walls.h"

/* linux/fs.h of 6.7: _IOWR('f', 16, struct pm_scan_arg), a struct of twelve 64-bit words. */
enum { PAGEMAP_SCAN_WORDS = 12 };
#define PAGEMAP_SCAN_CALL _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, PAGEMAP_SCAN_WORDS * 8)

/* A name of the kernel's headers, which cannot be included beside those of glibc before 2.42. */
enum { TERMIOS2_BYTES = 44 };
#undef TCGETS2
#define TCGETS2 _IOC(_IOC_READ, 'T', 0x2a, TERMIOS2_BYTES)

/* A volume may belong to root on disk, and who makes a file there owns it. */
#define SET_ID_BITS ((uint64_t)(S_ISUID | S_ISGID))

#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

static const struct rule {
    unsigned group; /* 0: for every program, and fatal */
    int call;
    bool has_argument;
    unsigned argument;
    uint64_t mask;
    uint64_t value;
} rules[] = {
#define ALLOW(group, call) {(group), SCMP_SYS(call), false, 0, 0, 0},
#define WITH(group, call, argument, mask, value)                                                   \
    {(group), SCMP_SYS(call), true, (argument), (mask), (uint64_t)(value)},
#define KILL(call) {0, SCMP_SYS(call), false, 0, 0, 0},
#include "runtime/sandbox/syscalls.def"
#undef ALLOW
#undef WITH
#undef KILL
};

static int add_rule(scmp_filter_ctx filter, const struct rule *rule)
{
    uint32_t action = rule->group == 0 ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ALLOW;

    if (!rule->has_argument) {
        return seccomp_rule_add(filter, action, rule->call, 0);
    }
    return seccomp_rule_add(filter, action, rule->call, 1,
                            SCMP_CMP64(rule->argument, SCMP_CMP_MASKED_EQ, rule->mask,
                                       rule->value));
}

/* libuv makes a ring for every loop where it can, and does without where there are none. */
static int refuse_rings(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0);
}

static int add_special_rules(scmp_filter_ctx filter)
{
    const uint64_t narrow = UINT32_MAX;
    const uint64_t self = (uint64_t)getpid();
    int err = refuse_rings(filter);

    /* glibc falls back to clone, whose flags a filter can see. */
    err |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    err |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0);
    err |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                            SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD | NAMESPACES,
                                       CLONE_THREAD));
    err |= seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
                            SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    err |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, narrow, self));
    err |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                            SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, narrow, 0),
                            SCMP_CMP64(2, SCMP_CMP_EQ, 0, 0));
    return err;
}

/* What both filters have in common. */
static int set_up(scmp_filter_ctx filter)
{
    int err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0); /* wall_privileges() did it */

    /* Else every failure of the kernel is the same ECANCELED, and a missing wall not told. */
    return err | seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
}

static int fill(scmp_filter_ctx filter, unsigned groups)
{
    int err = set_up(filter);

    /* A system call of another architecture's table is an attack on the list. */
    err |= seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    err |= seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    err |= seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    err |= add_special_rules(filter);
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].group == 0 || (rules[i].group & groups) != 0) {
            err |= add_rule(filter, &rules[i]);
        }
    }
    return err;
}

static int load(scmp_filter_ctx filter, struct fault *why)
{
    int err = seccomp_load(filter);

    if (err == -EACCES || err == -EINVAL || err == -ENOSYS) {
        return WALL_MISSING;
    }
    return err < 0 ? fault_sys(why, err, "load the filter of system calls") : 0;
}

/* Early, because a ring that was made before would go around the list that comes late. */
int wall_rings(struct sandbox *sandbox, struct fault *why)
{
    AUTO(filter_done) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    (void)sandbox;
    if (!filter || set_up(filter) != 0 || refuse_rings(filter) != 0) {
        return fault(why, FAULT_INTERNAL, "the filter of io_uring is none");
    }
    return load(filter, why);
}

int wall_calls(struct sandbox *sandbox, struct fault *why)
{
    AUTO(filter_done) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    unsigned calls = sandbox_rules(sandbox->profile)->calls;

    if (!sandbox->notifies) {
        calls &= ~(unsigned)SOCKETS;
    }
    if (!filter || fill(filter, calls) != 0) {
        return fault(why, FAULT_INTERNAL, "the list of system calls does not make a filter");
    }
    return load(filter, why);
}
