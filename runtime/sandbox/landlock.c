/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: what the kernel refuses to a process and its threads for good, without a list of calls.
 *
 * A worker keeps the rights of files: it changes what its grants let it change, below mounts that
 * were given to it, and a rule would have to name them before they exist. What it never needs is
 * to signal anybody or to talk to an abstract socket. Others open no path, or change none.
 *
 * Rights that a kernel does not know yet are left out. The wall is missing where none is left that
 * the profile wants (a worker's before Linux 6.12), and the list of system calls alone stops what
 * they would.
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

enum { CALL_CREATE = 444, CALL_RESTRICT = 446, ASK_VERSION = 1 };
enum { VERSION_NETWORK = 4, VERSION_SCOPES = 6 };
enum {
    FILES_READ = 1U << 2 | 1U << 3,                /* files, folders */
    FILES_CHANGE = 0xffffU & ~(unsigned)FILES_READ, /* all but those, as far as known: below */
    TCP_BIND_CONNECT = 3,
    SCOPE_ABSTRACT_SIGNAL = 3,
};

/* Rights over files: 13 at first, then moving between folders, truncating, requests to devices. */
static uint64_t known_files(long version)
{
    static const unsigned counts[] = {0, 13, 14, 15, 15, 16};
    size_t last = ARRAY_SIZE(counts) - 1;

    return (1ULL << counts[(size_t)version < last ? (size_t)version : last]) - 1;
}

static struct rules rules_for(unsigned wanted, long version)
{
    struct rules rules = {0};

    rules.files |= (wanted & CHANGES) != 0 ? FILES_CHANGE : 0;
    rules.files |= (wanted & EVERY_PATH) != 0 ? FILES_CHANGE | FILES_READ : 0;
    rules.files &= known_files(version);
    if (version >= VERSION_NETWORK) {
        rules.network |= (wanted & TCP) != 0 ? TCP_BIND_CONNECT : 0;
    }
    if (version >= VERSION_SCOPES) {
        rules.scopes |= (wanted & SCOPES) != 0 ? SCOPE_ABSTRACT_SIGNAL : 0;
    }
    return rules;
}

int wall_landlock(struct sandbox *sandbox, struct fault *why)
{
    /* A kernel without it answers ENOSYS or EOPNOTSUPP. */
    long version = syscall(CALL_CREATE, NULL, 0, ASK_VERSION);
    const struct rules rules =
        rules_for(sandbox_rules(sandbox->profile)->landlock, version < 0 ? 0 : version);
    AUTO(fd_close) int set = -1;

    if (rules.files == 0 && rules.network == 0 && rules.scopes == 0) {
        return WALL_MISSING;
    }
    /* A longer structure than the kernel's is fine while the rest of it is zero. */
    set = (int)syscall(CALL_CREATE, &rules, sizeof(rules), 0);
    if (set < 0) {
        return fault_sys(why, -errno, "make a set of landlock rules");
    }
    if (syscall(CALL_RESTRICT, set, 0) != 0) {
        return fault_sys(why, -errno, "enforce landlock");
    }
    return 0;
}
