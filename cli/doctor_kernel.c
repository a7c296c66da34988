/* SPDX-License-Identifier: Apache-2.0 */
/* Each fact is asked of the kernel itself. */
#include "cli/doctor.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"

/* linux/magic.h; linux/fs.h of 6.7: _IOWR('f', 16, struct pm_scan_arg). */
enum { CGROUP2_MAGIC = 0x63677270 };
#define PAGEMAP_SCAN_CALL _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 96)

static void say(struct finding *ret, const char *name, bool holds, const char *words)
{
    *ret = (struct finding){.is_fault = false};
    (void)snprintf(ret->name, sizeof(ret->name), "%s", name);
    (void)snprintf(ret->state, sizeof(ret->state), "%s", holds ? "yes" : "no");
    (void)snprintf(ret->words, sizeof(ret->words), "%s", words);
}

static void say_release(struct finding *ret)
{
    struct utsname name = {0};
    char words[FINDING_ROOM];

    (void)uname(&name);
    (void)snprintf(words, sizeof(words), "Linux %.64s on %.32s", name.release, name.machine);
    say(ret, "kernel", true, words);
}

/* A request without its structure is EFAULT where it exists, and ENOTTY where it does not. */
static void say_pagemap(struct finding *ret)
{
    AUTO(fd_close) int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    bool holds = file >= 0 && ioctl(file, PAGEMAP_SCAN_CALL, NULL) < 0 && errno != ENOTTY &&
                 errno != EINVAL;

    say(ret, "pagemap-scan", holds,
        "memories of instances are reset by what they wrote (Linux 6.7)");
}

static void say_cgroups(struct finding *ret)
{
    struct statfs file_system = {0};
    bool holds = statfs("/sys/fs/cgroup", &file_system) == 0 &&
                 file_system.f_type == CGROUP2_MAGIC;

    say(ret, "cgroup-v2", holds, "one hierarchy of control groups; without it, version 1 is used");
}

static void say_files(struct finding *ret)
{
    struct rlimit files = {0};
    char words[FINDING_ROOM];

    (void)getrlimit(RLIMIT_NOFILE, &files);
    (void)snprintf(words, sizeof(words), "a process may have %" PRIu64 " descriptors",
                   (uint64_t)files.rlim_max);
    say(ret, "descriptors", files.rlim_max >= 65536, words);
}

static void say_maps(struct finding *ret)
{
    AUTO(fd_close) int file = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    char text[32] = "0";
    char words[FINDING_ROOM];
    unsigned long count = 0;

    if (file >= 0 && read(file, text, sizeof(text) - 1) > 0) {
        (void)sscanf(text, "%lu", &count);
    }
    (void)snprintf(words, sizeof(words),
                   "a process may have %lu mappings (vm.max_map_count); the engine fits its pool to it",
                   count);
    say(ret, "mappings", count >= 65530, words);
}

size_t doctor_kernel(struct finding *ret, size_t room)
{
    void (*const facts[])(struct finding *) = {say_release, say_pagemap, say_cgroups, say_files,
                                               say_maps};
    size_t count = 0;

    for (; count < ARRAY_SIZE(facts) && count < room; count++) {
        facts[count](&ret[count]);
    }
    return count;
}
