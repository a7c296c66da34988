/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In a container the node's root is a mount. Links inside of it are the node's own, so folders are
 * looked up as if it were "/" (RESOLVE_IN_ROOT), and programs run with it as their root.
 */
#include "k8s/installer/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/process.h"
#include "base/text.h"

int host_open(const char *root, struct host *ret, struct fault *why)
{
    if (root[0] != '/') {
        return fault(why, FAULT_INVALID, "the node's root must be an absolute path, not \"%.60s\"",
                     root);
    }
    *ret = (struct host){.root = root, .is_here = strcmp(root, "/") == 0};
    ret->dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return ret->dir < 0 ? fault_sys(why, -errno, "open the node's root %s", root) : 0;
}

void host_close(struct host *host)
{
    host->dir = fd_close(host->dir);
}

void host_file_fini(struct host_file *file)
{
    buf_fini(&file->bytes);
}

/* The folder of a path, and the name in it. */
static int open_parent(const struct host *host, const char *path, const char **ret_name,
                       struct fault *why)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];
    int dir;

    if (path[0] != '/' || slash[1] == '\0' || strlen(path) >= sizeof(folder)) {
        return fault(why, FAULT_INVALID, "\"%.100s\" is no absolute path of a file", path);
    }
    (void)snprintf(folder, sizeof(folder), "%.*s/", (int)(slash - path), path);
    *ret_name = slash + 1;
    dir = fs_open_in_root(host->dir, folder, O_PATH | O_DIRECTORY);
    return dir < 0 ? fault_sys(why, dir, "open %s", folder) : dir;
}

/* Return: HOST_THERE, HOST_ABSENT, or negative. */
static int look(int dir, const char *name, const char *path, struct stat *ret, struct fault *why)
{
    if (fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? HOST_ABSENT : fault_sys(why, -errno, "look at %s", path);
    }
    if (S_ISLNK(ret->st_mode)) {
        return fault(why, FAULT_UNSUPPORTED, "%s is a link; name the file that it leads to", path);
    }
    if (!S_ISREG(ret->st_mode)) {
        return fault(why, FAULT_UNSUPPORTED, "%s is no regular file", path);
    }
    return HOST_THERE;
}

int host_read(const struct host *host, const char *path, struct host_file *ret, struct fault *why)
{
    AUTO(fd_close) int dir = -1;
    const char *name = NULL;
    struct fault missing = {0};
    struct stat about;
    int there;

    ret->bytes.length = 0;
    dir = open_parent(host, path, &name, &missing);
    if (dir < 0 && missing.kind == FAULT_NOT_FOUND) {
        return HOST_ABSENT;
    }
    if (dir < 0) {
        *why = missing;
        return -1;
    }
    there = look(dir, name, path, &about, why);
    if (there != HOST_THERE) {
        return there;
    }
    ret->mode = about.st_mode & 07777;
    ret->user = about.st_uid;
    ret->group = about.st_gid;
    if (fs_read_small(dir, name, &ret->bytes, why) < 0) {
        return fault_while(why, "read %s", path);
    }
    return HOST_THERE;
}

int host_write(const struct host *host, const char *path, const struct host_file *file,
               struct fault *why)
{
    const struct text bytes = {(const char *)file->bytes.data, file->bytes.length};
    AUTO(fd_close) int dir = -1;
    const char *name = NULL;
    struct stat about;

    dir = open_parent(host, path, &name, why);
    if (dir < 0 || look(dir, name, path, &about, why) < 0) {
        return -1;
    }
    if (fs_replace(dir, name, bytes, file->mode, why) < 0) {
        return fault_while(why, "write %s", path);
    }
    /* fs_replace() is bound by the umask. */
    if (fchmodat(dir, name, file->mode, 0) < 0 ||
        fchownat(dir, name, file->user, file->group, AT_SYMLINK_NOFOLLOW) < 0) {
        return fault_sys(why, -errno, "give %s its owner and mode", path);
    }
    return 0;
}

int host_remove(const struct host *host, const char *path, struct fault *why)
{
    AUTO(fd_close) int dir = -1;
    const char *name = NULL;

    dir = open_parent(host, path, &name, why);
    if (dir < 0) {
        return why->kind == FAULT_NOT_FOUND ? 0 : -1;
    }
    if (unlinkat(dir, name, 0) < 0 && errno != ENOENT) {
        return fault_sys(why, -errno, "remove %s", path);
    }
    return 0;
}

int host_make_folder(const struct host *host, const char *path, struct fault *why)
{
    AUTO(fd_close) int dir = -1;
    const char *name = NULL;

    dir = open_parent(host, path, &name, why);
    if (dir < 0 && why->kind == FAULT_NOT_FOUND) {
        char above[4096];

        (void)snprintf(above, sizeof(above), "%.*s", (int)(strrchr(path, '/') - path), path);
        TRY(above[0] == '\0' ? -1 : host_make_folder(host, above, why));
        dir = open_parent(host, path, &name, why);
    }
    if (dir < 0) {
        return -1;
    }
    if (mkdirat(dir, name, 0755) == 0) {
        return 1;
    }
    return errno == EEXIST ? 0 : fault_sys(why, -errno, "make the folder %s", path);
}

int host_remove_folder(const struct host *host, const char *path, struct fault *why)
{
    AUTO(fd_close) int dir = -1;
    const char *name = NULL;

    dir = open_parent(host, path, &name, why);
    TRY(dir);
    return unlinkat(dir, name, AT_REMOVEDIR) < 0
               ? fault_sys(why, -errno, "remove the folder %s", path)
               : 0;
}

void host_words_fini(struct host_words *words)
{
    buf_fini(&words->out);
    buf_fini(&words->err);
}

struct text host_words_last(const struct host_words *words)
{
    const struct buf *from = words->err.length > 0 ? &words->err : &words->out;
    struct text ret = {(const char *)from->data, from->length};

    while (ret.length > 0 && (unsigned char)ret.at[ret.length - 1] <= ' ') {
        ret.length--;
    }
    for (size_t i = ret.length; i > 0; i--) {
        if (ret.at[i - 1] == '\n') {
            return (struct text){ret.at + i, ret.length - i};
        }
    }
    return ret;
}

/* Where the program is, as the node sees it. */
static int find_program(const struct host *host, const char *name, char ret[HOST_PATH_ROOM],
                        struct fault *why)
{
    static const char *const folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                          "/usr/bin",        "/sbin",          "/bin"};

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        AUTO(fd_close) int fd = -1;

        (void)snprintf(ret, 4096, "%s/%s", name[0] == '/' ? "" : folders[i],
                       name[0] == '/' ? name + 1 : name);
        fd = fs_open_in_root(host->dir, ret, O_PATH);
        if (fd >= 0) {
            return 0;
        }
    }
    return fault(why, FAULT_NOT_FOUND, "the node has no program %s", name);
}

/* Takes what is there now. Return: 1 at the end of all writers, 0, or negative errno. */
static int drain(int from, struct buf *ret)
{
    for (;;) {
        char bytes[16384];
        ssize_t got = read(from, bytes, sizeof(bytes));
        size_t room = ret->max - ret->length;

        if (got > 0) {
            buf_put(ret, bytes, (size_t)got < room ? (size_t)got : room);
        } else if (got == 0) {
            return 1;
        } else if (errno != EINTR) {
            return errno == EAGAIN ? 0 : -errno;
        }
    }
}

/*
 * Reads until the program ends: what it leaves behind may hold its output open for ever.
 * Return: 0 or negative errno.
 */
static int collect(int from, int child, uint64_t deadline, struct buf *ret)
{
    struct pollfd ready[] = {{.fd = child, .events = POLLIN}, {.fd = from, .events = POLLIN}};

    while (ready[0].revents == 0) {
        uint64_t now = clock_now_ns();
        int done;

        if (now >= deadline) {
            return -ETIMEDOUT;
        }
        if (poll(ready, ARRAY_SIZE(ready), (int)((deadline - now) / NS_PER_MS) + 1) < 0) {
            return -errno;
        }
        done = drain(from, ret);
        if (done < 0) {
            return done;
        }
        if (done == 1) {
            ready[1].fd = -1;
        }
    }
    return 0;
}

static int status_of(int status, const char *name, struct fault *why)
{
    if (WIFSIGNALED(status)) {
        return fault(why, FAULT_STATE, "%s was ended by signal %d", name, WTERMSIG(status));
    }
    return WEXITSTATUS(status);
}

/* Starts it with its outputs to a pipe and to memory. Return: the child, or negative. */
static int start(const struct host *host, const char *const *argv, int out, int err,
                 struct fault *why)
{
    /* systemctl takes a changed root for a sign that no systemd is there; there is one. */
    static const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
        "SYSTEMD_IGNORE_CHROOT=1", NULL};
    struct process_plan plan = {.root = host->is_here ? NULL : host->root,
                                .argv = argv,
                                .envp = environment,
                                .in = -1,
                                .out = out,
                                .err = err,
                                .session = true};
    char path[HOST_PATH_ROOM];
    int pid = -1;

    TRY(find_program(host, argv[0], path, why));
    plan.path = path;
    TRY(process_start(&plan, &pid, why));
    return pid;
}

int host_run(const struct host *host, const char *const *argv, int seconds, struct host_words *ret,
             struct fault *why)
{
    uint64_t deadline = clock_now_ns() + (unsigned)seconds * NS_PER_S;
    AUTO(fd_close) int err = fs_memory_new("skep-install");
    AUTO(fd_close) int from = -1;
    AUTO(fd_close) int child = -1;
    int ends[2];
    int status = 0;
    int done;
    int pid;

    ret->out.length = 0;
    ret->err.length = 0;
    if (err < 0 || pipe2(ends, O_CLOEXEC) < 0) {
        return fault_sys(why, err < 0 ? err : -errno, "make a pipe for %s", argv[0]);
    }
    from = ends[0];
    (void)!fd_set_nonblocking(from, true);
    pid = start(host, argv, ends[1], err, why);
    (void)fd_close(ends[1]);
    TRY(pid);
    child = (int)syscall(SYS_pidfd_open, pid, 0);
    done = child < 0 ? -errno : collect(from, child, deadline, &ret->out);
    if (done < 0) {
        (void)kill(-pid, SIGKILL);
    }
    (void)waitpid(pid, &status, 0);
    (void)lseek(err, 0, SEEK_SET);
    (void)drain(err, &ret->err);
    if (done == -ETIMEDOUT) {
        return fault(why, FAULT_TIMEOUT, "%s did not end within %d seconds", argv[0], seconds);
    }
    return done < 0 ? fault_sys(why, done, "read what %s prints", argv[0])
                    : status_of(status, argv[0], why);
}
