/* SPDX-License-Identifier: Apache-2.0 */
/* One folder of /proc, read through one descriptor: it stays that of the process which it was. */
#include "runtime/supervisor/look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

enum { STATUS_MAX = 16 * 1024, LINE_MAX_BYTES = 128 };

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

/* Rings, sockets, the list: a worker that is half-way has fewer. */
#define FILTERS "3"

/* The wall whose acceptance lets there be fewer. */
static const char *filters_wall(const char *accept)
{
    if (is_accepted(accept, "io-uring")) {
        return "io-uring";
    }
    return is_accepted(accept, "sockets") ? "sockets" : "syscalls";
}

static int check_status(int process, const struct look_plan *plan, struct fault *why)
{
    AUTO(buf_fini) struct buf status = BUF(STATUS_MAX);
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
                {"syscalls", "Seccomp", "2"},
                {filters_wall(plan->accept), "Seccomp_filters", FILTERS}};

    (void)snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", plan->user, plan->user, plan->user,
                   plan->user);
    TRY(fs_read_small(process, "status", &status, why));
    buf_put_u8(&status, '\0');
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (!is_accepted(plan->accept, rows[i].wall) &&
            !status_has((const char *)status.data, rows[i].key, rows[i].value)) {
            return fault(why, FAULT_DENIED, "its %s in /proc is not \"%s\"", rows[i].key,
                         rows[i].value);
        }
    }
    return 0;
}

/* ---- where it is ---- */

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
    TRY(check_status(process, plan, why));
    if (!is_accepted(plan->accept, "root")) {
        TRY(check_folder(process, "root", why));
        TRY(check_folder(process, "cwd", why));
    }
    return is_accepted(plan->accept, "descriptors") ? 0 : check_descriptors(process, why);
}
