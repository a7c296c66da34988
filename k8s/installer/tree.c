/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/installer/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"

struct walk {
    int depth;
    int files;
    struct fault *why;
};

static void closedir_auto(DIR **held)
{
    if (*held) {
        (void)closedir(*held);
    }
}

/* The entries of a folder, one after the other; @dir stays the caller's. */
static DIR *list(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *found = fd < 0 ? NULL : fdopendir(fd);

    if (!found) {
        (void)fd_close(fd);
    }
    return found;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int copy_bytes(int from, int to)
{
    char bytes[32768];

    for (;;) {
        ssize_t got = read(from, bytes, sizeof(bytes));
        int done;

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 || fsync(to) < 0 ? -errno : 0;
        }
        done = fs_write_all(to, bytes, (size_t)got);
        if (done < 0) {
            return done;
        }
    }
}

static int copy_file(struct walk *walk, int from, int to, const char *name, mode_t mode)
{
    AUTO(fd_close) int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    AUTO(fd_close) int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int done;

    if (in < 0 || out < 0) {
        return fault_sys(walk->why, -errno, "copy %s", name);
    }
    done = copy_bytes(in, out);
    if (done == 0 && fchmod(out, mode) < 0) {
        done = -errno;
    }
    return done < 0 ? fault_sys(walk->why, done, "copy %s", name) : 0;
}

static int copy_link(struct walk *walk, int from, int to, const char *name)
{
    char target[4096];
    ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);

    if (length < 0) {
        return fault_sys(walk->why, -errno, "read the link %s", name);
    }
    target[length] = '\0';
    return symlinkat(target, to, name) < 0 ? fault_sys(walk->why, -errno, "make the link %s", name)
                                           : 0;
}

static int copy_folder(struct walk *walk, int from, int to);

static int copy_entry(struct walk *walk, int from, int to, const char *name)
{
    AUTO(fd_close) int in = -1;
    AUTO(fd_close) int out = -1;
    struct stat about;

    if (walk->files++ == TREE_FILES_MAX) {
        return fault(walk->why, FAULT_LIMIT, "a tree has more than %d files", TREE_FILES_MAX);
    }
    if (fstatat(from, name, &about, AT_SYMLINK_NOFOLLOW) < 0) {
        return fault_sys(walk->why, -errno, "look at %s", name);
    }
    if (S_ISREG(about.st_mode)) {
        return copy_file(walk, from, to, name, about.st_mode & 0777);
    }
    if (S_ISLNK(about.st_mode)) {
        return copy_link(walk, from, to, name);
    }
    if (!S_ISDIR(about.st_mode)) {
        return fault(walk->why, FAULT_UNSUPPORTED, "%s is no file, folder or link", name);
    }
    in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0 || mkdirat(to, name, 0755) < 0) {
        return fault_sys(walk->why, -errno, "make the folder %s", name);
    }
    out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out < 0) {
        return fault_sys(walk->why, -errno, "open the folder %s", name);
    }
    return copy_folder(walk, in, out);
}

static int copy_folder(struct walk *walk, int from, int to)
{
    __attribute__((cleanup(closedir_auto))) DIR *entries = list(from);
    const struct dirent *entry = NULL;

    if (!entries) {
        return fault_sys(walk->why, -errno, "list a folder");
    }
    if (walk->depth == TREE_DEPTH_MAX) {
        return fault(walk->why, FAULT_LIMIT, "a tree is deeper than %d folders", TREE_DEPTH_MAX);
    }
    walk->depth++;
    while ((entry = readdir(entries)) != NULL) {
        if (!is_dots(entry->d_name)) {
            TRY(copy_entry(walk, from, to, entry->d_name));
        }
    }
    walk->depth--;
    return fsync(to) < 0 ? fault_sys(walk->why, -errno, "write a folder") : 0;
}

int tree_copy(int from, int to, const char *name, struct fault *why)
{
    struct walk walk = {.why = why};
    AUTO(fd_close) int out = -1;
    char temporary[256];

    if ((size_t)snprintf(temporary, sizeof(temporary), ".%s.new", name) >= sizeof(temporary)) {
        return fault(why, FAULT_LIMIT, "%.60s… is too long a name", name);
    }
    TRY(tree_remove(to, temporary, why));
    if (mkdirat(to, temporary, 0755) < 0) {
        return fault_sys(why, -errno, "make the folder %s", temporary);
    }
    out = openat(to, temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out < 0) {
        return fault_sys(why, -errno, "open the folder %s", temporary);
    }
    TRY(copy_folder(&walk, from, out));
    if (renameat(to, temporary, to, name) < 0 || fsync(to) < 0) {
        return fault_sys(why, -errno, "name the folder %s", name);
    }
    return 0;
}

static int remove_entry(struct walk *walk, int dir, const char *name);

static int remove_below(struct walk *walk, int dir, const char *name)
{
    AUTO(fd_close) int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    __attribute__((cleanup(closedir_auto))) DIR *entries = below < 0 ? NULL : list(below);
    const struct dirent *entry = NULL;

    if (!entries) {
        return fault_sys(walk->why, -errno, "open the folder %s", name);
    }
    if (walk->depth == TREE_DEPTH_MAX) {
        return fault(walk->why, FAULT_LIMIT, "a tree is deeper than %d folders", TREE_DEPTH_MAX);
    }
    walk->depth++;
    while ((entry = readdir(entries)) != NULL) {
        if (!is_dots(entry->d_name)) {
            TRY(remove_entry(walk, below, entry->d_name));
        }
    }
    walk->depth--;
    return 0;
}

static int remove_entry(struct walk *walk, int dir, const char *name)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EISDIR && errno != EPERM) {
        return fault_sys(walk->why, -errno, "remove %s", name);
    }
    TRY(remove_below(walk, dir, name));
    return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? fault_sys(walk->why, -errno, "remove %s", name)
                                                 : 0;
}

int tree_remove(int dir, const char *name, struct fault *why)
{
    struct walk walk = {.why = why};

    return remove_entry(&walk, dir, name);
}
