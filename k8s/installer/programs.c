/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs name their loader and libraries by the version's folder, so versions do not mix. skepd
 * starts its workers from its own folder, which therefore stays as long as it runs.
 */
#include "k8s/installer/programs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "k8s/installer/host.h"
#include "k8s/installer/tree.h"

#define VERSIONS PROGRAMS_FOLDER "/versions"
#define CURRENT "current"
#define CURRENT_NEW ".current.new"

enum { TRY_SECONDS = 30 };

int programs_find(const struct host *host, struct programs *ret, struct fault *why)
{
    ssize_t length = readlink("/proc/self/exe", ret->source, sizeof(ret->source) - 1);
    char *slash = NULL;

    if (length < 0) {
        return fault_sys(why, -errno, "read /proc/self/exe");
    }
    ret->source[length] = '\0';
    slash = strrchr(ret->source, '/');
    *slash = '\0';
    if (host->is_here) {
        (void)snprintf(ret->bin, sizeof(ret->bin), "%s", ret->source);
    } else {
        (void)snprintf(ret->bin, sizeof(ret->bin), PROGRAMS_FOLDER "/" CURRENT "/bin");
    }
    slash = strrchr(ret->source, '/');
    if (!slash || strcmp(slash, "/bin") != 0 || slash == ret->source) {
        return fault(why, FAULT_STATE,
                     "skep-install must be in the folder bin of an installation, "
                     "not in %.200s",
                     ret->source);
    }
    *slash = '\0';
    slash = strrchr(ret->source, '/');
    if ((size_t)snprintf(ret->id, sizeof(ret->id), "%s", slash + 1) >= sizeof(ret->id)) {
        return fault(why, FAULT_LIMIT, "a version's name has at most %d bytes: %.200s",
                     PROGRAMS_ID_ROOM - 1, slash + 1);
    }
    return 0;
}

static int open_folder(const struct host *host, const char *path, struct fault *why)
{
    int dir = fs_open_in_root(host->dir, path, O_RDONLY | O_DIRECTORY);

    return dir < 0 ? fault_sys(why, dir, "open %s", path) : dir;
}

static int copy_to(const struct programs *programs, int versions, struct fault *why)
{
    AUTO(fd_close) int from = open(programs->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct statvfs about;

    if (from < 0) {
        return fault_sys(why, -errno, "open %s", programs->source);
    }
    if (fstatvfs(versions, &about) == 0 && (about.f_flag & ST_NOEXEC) != 0) {
        return fault(why, FAULT_UNSUPPORTED,
                     VERSIONS " of the node is mounted noexec: programs in it "
                              "cannot run");
    }
    return tree_copy(from, versions, programs->id, why);
}

int programs_copy(const struct host *host, const struct programs *programs, struct fault *why)
{
    AUTO(fd_close) int versions = -1;

    if (host->is_here) {
        return 0;
    }
    TRY(host_make_folder(host, VERSIONS, why));
    versions = open_folder(host, VERSIONS, why);
    TRY(versions);
    if (faccessat(versions, programs->id, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return 0;
    }
    if (copy_to(programs, versions, why) < 0) {
        return fault_while(why, "copy Skep to " VERSIONS "/%s of the node", programs->id);
    }
    return 1;
}

static int try_one(const struct host *host, const char *path, struct fault *why)
{
    const char *const argv[] = {path, "--version", NULL};
    AUTO(host_words_fini) struct host_words words = HOST_WORDS;
    int status = host_run(host, argv, TRY_SECONDS, &words, why);
    struct text last = host_words_last(&words);

    if (status < 0) {
        return fault_while(why, "try %s on the node", path);
    }
    return status == 0 ? 0
                       : fault(why, FAULT_UNSUPPORTED, "%s does not run on the node (%d): %.*s",
                               path, status, last.length > 200 ? 200 : (int)last.length, last.at);
}

int programs_try(const struct host *host, const struct programs *programs, struct fault *why)
{
    static const char *const tried[] = {"bin/containerd-shim-skep-v2", "libexec/skep/skepd"};

    for (size_t i = 0; i < ARRAY_SIZE(tried); i++) {
        char path[4300];

        if (host->is_here) {
            (void)snprintf(path, sizeof(path), "%s/%s", programs->source, tried[i]);
        } else {
            (void)snprintf(path, sizeof(path), VERSIONS "/%s/%s", programs->id, tried[i]);
        }
        TRY(try_one(host, path, why));
    }
    return 0;
}

static void read_current(int dir, char ret[PROGRAMS_ID_ROOM])
{
    char target[PROGRAMS_ID_ROOM + 16];
    ssize_t length = readlinkat(dir, CURRENT, target, sizeof(target) - 1);

    ret[0] = '\0';
    if (length > 0) {
        const char *slash = NULL;

        target[length] = '\0';
        slash = strrchr(target, '/');
        (void)snprintf(ret, PROGRAMS_ID_ROOM, "%s", slash ? slash + 1 : target);
    }
}

int programs_switch(const struct host *host, const char *id, char old[PROGRAMS_ID_ROOM],
                    struct fault *why)
{
    AUTO(fd_close) int dir = -1;
    char target[PROGRAMS_ID_ROOM + 16];

    old[0] = '\0';
    if (host->is_here) {
        return 0;
    }
    dir = open_folder(host, PROGRAMS_FOLDER, why);
    if (dir < 0) {
        return id[0] == '\0' && why->kind == FAULT_NOT_FOUND ? 0 : -1;
    }
    read_current(dir, old);
    if (strcmp(old, id) == 0) {
        return 0;
    }
    if (id[0] == '\0') {
        return unlinkat(dir, CURRENT, 0) < 0 && errno != ENOENT
                   ? fault_sys(why, -errno, "remove " PROGRAMS_FOLDER "/" CURRENT)
                   : 0;
    }
    (void)snprintf(target, sizeof(target), "versions/%s", id);
    (void)unlinkat(dir, CURRENT_NEW, 0);
    if (symlinkat(target, dir, CURRENT_NEW) < 0 || renameat(dir, CURRENT_NEW, dir, CURRENT) < 0 ||
        fsync(dir) < 0) {
        return fault_sys(why, -errno, "link " PROGRAMS_FOLDER "/" CURRENT " to %s", target);
    }
    return 0;
}

/* Does a skepd of this version run? It holds a shared lock on its own file (shim/daemon). */
static bool is_in_use(int versions, const char *id)
{
    AUTO(fd_close) int fd = -1;
    char path[PROGRAMS_ID_ROOM + 160];

    (void)snprintf(path, sizeof(path), "%s/libexec/skep/skepd", id);
    fd = openat(versions, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static int sweep_all(int versions, const char *keep, struct fault *why)
{
    char names[PROGRAMS_VERSIONS_MAX][PROGRAMS_ID_ROOM];
    const struct dirent *entry = NULL;
    size_t count = 0;
    int left = 0;
    DIR *entries = fdopendir(fcntl(versions, F_DUPFD_CLOEXEC, 3));

    if (!entries) {
        return fault_sys(why, -errno, "list " VERSIONS);
    }
    while (count < PROGRAMS_VERSIONS_MAX && (entry = readdir(entries)) != NULL) {
        bool is_version = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;

        if (is_version && strcmp(entry->d_name, keep) != 0) {
            (void)snprintf(names[count++], PROGRAMS_ID_ROOM, "%.*s", PROGRAMS_ID_ROOM - 1,
                           entry->d_name);
        }
    }
    (void)closedir(entries);
    for (size_t i = 0; i < count; i++) {
        if (keep[0] != '\0' && is_in_use(versions, names[i])) {
            left++;
        } else {
            TRY(tree_remove(versions, names[i], why));
        }
    }
    return left;
}

int programs_sweep(const struct host *host, const char *keep, struct fault *why)
{
    AUTO(fd_close) int dir = -1;
    AUTO(fd_close) int versions = -1;
    int left;

    if (host->is_here) {
        return 0;
    }
    dir = open_folder(host, PROGRAMS_FOLDER, why);
    if (dir < 0) {
        return why->kind == FAULT_NOT_FOUND ? 0 : -1;
    }
    versions = openat(dir, "versions", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (versions < 0) {
        return errno == ENOENT ? 0 : fault_sys(why, -errno, "open " VERSIONS);
    }
    left = sweep_all(versions, keep, why);
    TRY(left);
    if (keep[0] == '\0') {
        AUTO(fd_close) int above = open_folder(host, "/opt", why);

        TRY(above);
        (void)unlinkat(dir, "versions", AT_REMOVEDIR);
        /* Stays when somebody else has put something there. */
        (void)unlinkat(above, "skep", AT_REMOVEDIR);
    }
    return left;
}
