/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a process is: its network, user, groups, capabilities. The bounding set goes first, because
 * emptying it needs a capability that the change of user takes away.
 */
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "runtime/sandbox/cap.h"
#include "runtime/sandbox/walls.h"

bool sandbox_is_root(void)
{
    return geteuid() == 0;
}

bool sandbox_lacks_namespace(int err)
{
    return err == EPERM || err == ENOSPC || err == EINVAL || err == ENOSYS;
}

int wall_network(struct sandbox *sandbox, struct fault *why)
{
    if (!sandbox_rules(sandbox->profile)->network) {
        return WALL_NONE;
    }
    if (unshare(CLONE_NEWNET) == 0) {
        return 0;
    }
    return sandbox_lacks_namespace(errno) ? WALL_MISSING
                                          : fault_sys(why, -errno, "leave the network");
}

int wall_bounding(struct sandbox *sandbox, struct fault *why)
{
    (void)sandbox;
    for (cap_value_t value = 0; value < cap_max_bits(); value++) {
        if (cap_drop_bound(value) != 0) {
            return errno == EPERM ? WALL_MISSING
                                  : fault_sys(why, -errno, "drop capability %d", (int)value);
        }
    }
    return 0;
}

static int become(uid_t uid, gid_t gid, struct fault *why)
{
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) {
        return errno == EPERM ? WALL_MISSING
                              : fault_sys(why, -errno, "become user %u", (unsigned)uid);
    }
    if (setresuid(0, 0, 0) == 0) {
        return fault(why, FAULT_INTERNAL, "user %u can become root again", (unsigned)uid);
    }
    return 0;
}

int wall_identity(struct sandbox *sandbox, struct fault *why)
{
    const struct sandbox_options *options = &sandbox->options;
    uint32_t id = sandbox_user(sandbox->profile);

    (void)umask(077);
    if (options->keep_user || !sandbox_is_root()) {
        return WALL_MISSING;
    }
    return become(options->uid != 0 ? options->uid : id,
                  options->gid != 0 ? options->gid : id, why);
}

int wall_capabilities(struct sandbox *sandbox, struct fault *why)
{
    AUTO(cap_free_any) cap_t none = cap_init();

    (void)sandbox;
    if (!none || cap_set_proc(none) != 0) {
        return fault_sys(why, -errno, "give up capabilities");
    }
    if (CAP_AMBIENT_SUPPORTED() && cap_reset_ambient() != 0) {
        return fault_sys(why, -errno, "give up ambient capabilities");
    }
    return 0;
}

int wall_privileges(struct sandbox *sandbox, struct fault *why)
{
    (void)sandbox;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fault_sys(why, -errno, "refuse new privileges");
    }
    /* The change of user took it away; without it /proc/self belongs to root (see sandbox.h). */
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) {
        return fault_sys(why, -errno, "keep /proc/self");
    }
    return 0;
}
