/* SPDX-License-Identifier: Apache-2.0 */
/* One folder of /proc, read through one descriptor: it stays that of the process which it was. */
#include "runtime/supervisor/look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"

static void *folder_close(void *folder)
{
    if (folder) {
        (void)closedir((DIR *)folder);
    }
    return NULL;
}
DEFINE_AUTO(DIR *, folder_close)

enum { STATUS_MAX = 16 * 1024, LINE_MAX_BYTES = 128, THREADS_MAX = 1024 };

static bool is_accepted(const char *names, const char *wall)
{
    size_t length = strlen(wall);

    for (const char *at = strstr(names, wall); at; at = strstr(at + 1, wall)) {
        if ((at == names || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

/* ---- status ---- */

/* Is there a line "@key:\t@value", spaces at its end aside? */
static bool status_has(const char *status, const char *key, const char *value)
{
    char line[LINE_MAX_BYTES];
    const char *at;
    int length = snprintf(line, sizeof(line), "\n%s:\t%s", key, value);

    at = strstr(status, line);
    if (!at || length >= (int)sizeof(line)) {
        return false;
    }
    at += length;
    return at[strspn(at, " ")] == '\n';
}

/* The number after "@key" at the start of a line; 0 where there is none. */
static unsigned long number_in(const char *text, const char *key)
{
    char line[LINE_MAX_BYTES];
    const char *at;

    (void)snprintf(line, sizeof(line), "\n%s", key);
    at = strstr(text, line);
    return at ? strtoul(at + strlen(line), NULL, 10) : 0;
}

/* The text of a file of /proc, with a 0 at its end. */
static int read_text(int folder, const char *name, struct buf *ret, struct fault *why)
{
    TRY(fs_read_small(folder, name, ret, why));
    buf_put_u8(ret, '\0');
    return buf_check(ret, name, why);
}

/* A filter for each of these walls, and those that we have ourselves: a child has them as well. */
static int least_filters(const char *accept, unsigned long *ret, struct fault *why)
{
    static const char *const walls[] = {"io-uring", "sockets", "syscalls"};
    AUTO(fd_close) int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    AUTO(buf_fini) struct buf status = BUF(STATUS_MAX);

    if (self < 0) {
        return fault_sys(why, -errno, "look at oneself");
    }
    TRY(read_text(self, "status", &status, why));
    *ret = number_in((const char *)status.data, "Seccomp_filters:");
    for (size_t i = 0; i < ARRAY_SIZE(walls); i++) {
        *ret += is_accepted(accept, walls[i]) ? 0 : 1;
    }
    return 0;
}

/* One thread's; a thread that is gone has none. */
static int check_status(int tasks, const char *name, const struct look_plan *plan,
                        unsigned long filters, struct fault *why)
{
    AUTO(fd_close) int task = openat(tasks, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    AUTO(buf_fini) struct buf status = BUF(STATUS_MAX);
    struct fault gone = {0};
    char ids[LINE_MAX_BYTES];
    const struct row {
        const char *wall;
        const char *key;
        const char *value;
    } rows[] = {{"user", "Uid", ids},
                {"user", "Gid", ids},
                {"user", "Groups", ""},
                {"capabilities", "CapInh", "0000000000000000"},
                {"capabilities", "CapPrm", "0000000000000000"},
                {"capabilities", "CapEff", "0000000000000000"},
                {"capabilities", "CapAmb", "0000000000000000"},
                {"bounding-set", "CapBnd", "0000000000000000"},
                {"no-new-privs", "NoNewPrivs", "1"},
                {"syscalls", "Seccomp", "2"}};

    (void)snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", plan->user, plan->user, plan->user,
                   plan->user);
    if (task < 0 || read_text(task, "status", &status, &gone) < 0) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (!is_accepted(plan->accept, rows[i].wall) &&
            !status_has((const char *)status.data, rows[i].key, rows[i].value)) {
            return fault(why, FAULT_DENIED, "its %s in /proc is not \"%s\"", rows[i].key,
                         rows[i].value);
        }
    }
    if (number_in((const char *)status.data, "Seccomp_filters:") < filters) {
        return fault(why, FAULT_DENIED, "its Seccomp_filters in /proc are fewer than %lu", filters);
    }
    return 0;
}

/* Every thread has its own user, capabilities and filters. */
static int check_threads(int process, const struct look_plan *plan, struct fault *why)
{
    AUTO(fd_close) int folder = openat(process, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(folder_close) DIR *all = folder < 0 ? NULL : fdopendir(folder);
    const struct dirent *entry;
    unsigned long filters = 0;
    unsigned count = 0;

    if (!all) {
        return fault_sys(why, -errno, "look at its threads");
    }
    (void)TAKE_FD(folder);
    TRY(least_filters(plan->accept, &filters, why));
    while ((entry = readdir(all)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (++count > THREADS_MAX) {
            return fault(why, FAULT_DENIED, "it has more than %d threads", THREADS_MAX);
        }
        TRY(check_status(dirfd(all), entry->d_name, plan, filters, why));
    }
    return count > 0 ? 0 : fault(why, FAULT_UNAVAILABLE, "it has no thread any more");
}

/* ---- its limits ---- */

static int check_limits(int process, struct fault *why)
{
    static const char *const nothing[] = {"Max core file size", "Max locked memory",
                                          "Max msgqueue size"};
    AUTO(buf_fini) struct buf limits = BUF(STATUS_MAX);

    TRY(read_text(process, "limits", &limits, why));
    for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
        const char *at = strstr((const char *)limits.data, nothing[i]);
        unsigned long soft = 1;
        unsigned long hard = 1;

        if (!at || sscanf(at + strlen(nothing[i]), "%lu %lu", &soft, &hard) != 2 || soft != 0 ||
            hard != 0) {
            return fault(why, FAULT_DENIED, "its \"%s\" in /proc is not 0", nothing[i]);
        }
    }
    return 0;
}

/* ---- where it is ---- */

static int check_namespace(int process, const char *name, struct fault *why)
{
    AUTO(fd_close) int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat theirs = {0};
    struct stat ours = {0};

    if (self < 0 || fstatat(process, name, &theirs, 0) < 0 || fstatat(self, name, &ours, 0) < 0) {
        return fault_sys(why, -errno, "look at its %s", name);
    }
    if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev) {
        return fault(why, FAULT_DENIED, "its %s is the node's", name);
    }
    return 0;
}

static int check_empty(own int folder, const char *name, struct fault *why)
{
    AUTO(folder_close) DIR *entries = fdopendir(folder);
    const struct dirent *entry;

    if (!entries) {
        int err = errno;

        (void)fd_close(folder);
        return fault_sys(why, -err, "list its %s", name);
    }
    while ((entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            return fault(why, FAULT_DENIED, "its %s is not empty", name);
        }
    }
    return 0;
}

static int check_folder(int process, const char *name, struct fault *why)
{
    AUTO(fd_close) int folder = openat(process, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct statvfs system = {0};
    struct stat theirs = {0};
    struct stat ours = {0};

    if (folder < 0 || fstat(folder, &theirs) < 0 || fstatvfs(folder, &system) < 0 ||
        stat("/", &ours) < 0) {
        return fault_sys(why, -errno, "look at its %s", name);
    }
    if (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino) {
        return fault(why, FAULT_DENIED, "its %s is the node's root", name);
    }
    if ((system.f_flag & ST_RDONLY) == 0) {
        return fault(why, FAULT_DENIED, "its %s can be written", name);
    }
    return check_empty(TAKE_FD(folder), name, why);
}

/* ---- what it holds ---- */

static int check_descriptor(DIR *all, const char *name, struct fault *why)
{
    struct stat about = {0};

    if (name[0] == '.' || fstatat(dirfd(all), name, &about, 0) < 0) {
        return 0; /* no descriptor, or closed since */
    }
    if (S_ISDIR(about.st_mode) || S_ISBLK(about.st_mode)) {
        return fault(why, FAULT_DENIED, "its descriptor %.16s is a %s", name,
                     S_ISDIR(about.st_mode) ? "folder" : "block device");
    }
    return 0;
}

static int check_descriptors(int process, struct fault *why)
{
    AUTO(fd_close) int folder = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(folder_close) DIR *all = folder < 0 ? NULL : fdopendir(folder);
    const struct dirent *entry;
    unsigned count = 0;

    if (!all) {
        return fault_sys(why, -errno, "look at its descriptors");
    }
    (void)TAKE_FD(folder);
    while ((entry = readdir(all)) != NULL) {
        if (++count > LOOK_DESCRIPTORS_MAX + 2) {
            return fault(why, FAULT_DENIED, "it has more than %d descriptors",
                         LOOK_DESCRIPTORS_MAX);
        }
        TRY(check_descriptor(all, entry->d_name, why));
    }
    return 0;
}

int look_at(const struct look_plan *plan, struct fault *why)
{
    AUTO(fd_close) int process = -1;
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/%d", plan->pid);
    process = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process < 0) {
        return fault_sys(why, -errno, "look at %s", path);
    }
    TRY(check_threads(process, plan, why));
    TRY(check_limits(process, why));
    if (!is_accepted(plan->accept, "network")) {
        TRY(check_namespace(process, "ns/net", why));
    }
    if (!is_accepted(plan->accept, "mounts")) {
        TRY(check_namespace(process, "ns/mnt", why));
    }
    if (!is_accepted(plan->accept, "root")) {
        TRY(check_folder(process, "root", why));
        TRY(check_folder(process, "cwd", why));
    }
    return check_descriptors(process, why);
}
