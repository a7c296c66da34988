/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: what the kernel refuses to a process and its threads for good, without a list of calls.
 *
 * A worker keeps the rights of files: it changes what its grants let it change, below mounts that
 * were given to it, and a rule would have to name them before they exist. What it never needs is
 * to signal anybody or to talk to an abstract socket. Others open no path, or change none.
 *
 * Rights that a kernel does not know yet are left out; without scopes (before Linux 6.12) the wall
 * is missing, and the list of system calls alone stops what they would.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "runtime/sandbox/walls.h"

/* linux/landlock.h, which is older than these on some systems that build us. */
struct rules {
    uint64_t files;
    uint64_t network; /* from version 4 */
    uint64_t scopes;  /* from version 6 */
};

enum { CALL_CREATE = 444, CALL_RESTRICT = 446, ASK_VERSION = 1, VERSION_SCOPES = 6 };
enum {
    FILES_READ = 1U << 2 | 1U << 3,                /* files, folders */
    FILES_CHANGE = 0xffffU & ~(unsigned)FILES_READ, /* 16 rights of version 5 but those */
    TCP_BIND_CONNECT = 3,
    SCOPE_ABSTRACT_SIGNAL = 3,
};

static struct rules rules_for(unsigned wanted)
{
    struct rules rules = {0};

    rules.files |= (wanted & CHANGES) != 0 ? FILES_CHANGE : 0;
    rules.files |= (wanted & EVERY_PATH) != 0 ? FILES_CHANGE | FILES_READ : 0;
    rules.network |= (wanted & TCP) != 0 ? TCP_BIND_CONNECT : 0;
    rules.scopes |= (wanted & SCOPES) != 0 ? SCOPE_ABSTRACT_SIGNAL : 0;
    return rules;
}

int wall_landlock(struct sandbox *sandbox, struct fault *why)
{
    const struct rules rules = rules_for(sandbox_rules(sandbox->profile)->landlock);
    AUTO(fd_close) int set = -1;

    if (syscall(CALL_CREATE, NULL, 0, ASK_VERSION) < VERSION_SCOPES) {
        return WALL_MISSING; /* a kernel without it answers ENOSYS or EOPNOTSUPP */
    }
    set = (int)syscall(CALL_CREATE, &rules, sizeof(rules), 0);
    if (set < 0) {
        return fault_sys(why, -errno, "make a set of landlock rules");
    }
    if (syscall(CALL_RESTRICT, set, 0) != 0) {
        return fault_sys(why, -errno, "enforce landlock");
    }
    return 0;
}
