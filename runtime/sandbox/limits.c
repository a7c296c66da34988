/* SPDX-License-Identifier: Apache-2.0 */
/* What a process may have: descriptors, memory, time. */
#include <errno.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fault.h"
#include "runtime/sandbox/walls.h"

/* More descriptors than now, up to @wanted; less where the kernel does not allow it. */
static int allow_files(rlim_t wanted, struct fault *why)
{
    struct rlimit now = {0};
    struct rlimit more = {wanted, wanted};

    if (getrlimit(RLIMIT_NOFILE, &now) != 0) {
        return fault_sys(why, -errno, "read the limit of descriptors");
    }
    if (wanted > now.rlim_max && setrlimit(RLIMIT_NOFILE, &more) == 0) {
        return 0;
    }
    now.rlim_max = now.rlim_max < wanted ? now.rlim_max : wanted;
    now.rlim_cur = now.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &now) == 0 ? 0
                                               : fault_sys(why, -errno, "limit descriptors");
}

int wall_descriptors(struct sandbox *sandbox, struct fault *why)
{
    if (chdir("/") != 0) {
        return fault_sys(why, -errno, "leave the working directory");
    }
    TRY(allow_files(sandbox_rules(sandbox->profile)->files, why));
    if (sandbox->options.fds_kept == 0) {
        return WALL_NONE;
    }
    return close_range(sandbox->options.fds_kept, UINT_MAX, 0) == 0
               ? 0
               : fault_sys(why, -errno, "close descriptors");
}

/* Lower a limit for good; never raises it. */
static int lower(int resource, rlim_t to, const char *what, struct fault *why)
{
    struct rlimit limit = {0};

    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0) {
        return fault_sys(why, -errno, "read the limit of %s", what);
    }
    limit.rlim_max = limit.rlim_max < to ? limit.rlim_max : to;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit((__rlimit_resource_t)resource, &limit) != 0) {
        return fault_sys(why, -errno, "limit %s", what);
    }
    return 0;
}

int wall_limits(struct sandbox *sandbox, struct fault *why)
{
    const struct sandbox_options *options = &sandbox->options;

    TRY(lower(RLIMIT_CORE, 0, "core dumps", why));
    TRY(lower(RLIMIT_MEMLOCK, 0, "locked memory", why));
    TRY(lower(RLIMIT_MSGQUEUE, 0, "message queues", why));
    if (geteuid() == sandbox_user(sandbox->profile)) {
        /* Somebody else's user has threads of its own, which would count. */
        TRY(lower(RLIMIT_NPROC, sandbox_rules(sandbox->profile)->threads, "threads", why));
    }
    if (options->memory_bytes != 0) {
        TRY(lower(RLIMIT_AS, options->memory_bytes, "memory", why));
    }
    if (options->cpu_seconds != 0) {
        TRY(lower(RLIMIT_CPU, options->cpu_seconds, "processor time", why));
    }
    if (options->file_bytes != 0) {
        TRY(lower(RLIMIT_FSIZE, options->file_bytes, "files", why));
    }
    return 0;
}

int wall_dumps(struct sandbox *sandbox, struct fault *why)
{
    (void)sandbox;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return fault_sys(why, -errno, "forbid dumps");
    }
    return 0;
}
