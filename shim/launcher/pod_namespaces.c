/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forked child makes each namespace and pins it by a bind mount of its own /proc/self/ns file, so
 * that this process never changes. Sysctls of the pod are the pause's business, which is virtual:
 * they are applied here, each inside the namespace that it belongs to.
 */
#include "shim/launcher/pod_namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/launcher/file.h"

#define PODS "/run/skep/pods"
#define ANCHOR_NAME "skep-anchor"

enum { TEXT_MAX = 256 };

static const char *const net_sysctls[] = {"net.", NULL};
static const char *const ipc_sysctls[] = {"kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.",
                                          NULL};

void pod_file(const char *id, const char *name, char ret[POD_PATH_MAX])
{
    (void)snprintf(ret, POD_PATH_MAX, PODS "/%s/%s", id, name);
}

static struct span pause_namespace(struct span pause, const char *kind)
{
    struct span list = span_member(span_member(pause, "linux"), "namespaces");
    struct span entry = {NULL, NULL};
    char name[32];

    for (entry = span_next(list, entry); entry.begin; entry = span_next(list, entry)) {
        if (span_text(span_member(entry, "type"), name, sizeof(name)) && strcmp(name, kind) == 0) {
            break;
        }
    }
    return entry;
}

static bool has_prefix(const char *key, const char *const *prefixes)
{
    while (*prefixes && strncmp(key, *prefixes, strlen(*prefixes)) != 0) {
        prefixes++;
    }
    return *prefixes != NULL;
}

/* Return: 0, or -1: a sysctl that is asked for and cannot be set fails the pod, as with runc. */
static int sysctls_apply(struct span pause, const char *const *prefixes)
{
    struct span all = span_member(span_member(pause, "linux"), "sysctl");
    struct span key = {NULL, NULL};
    struct span value = {NULL, NULL};

    for (value = span_next_member(all, value, &key); value.begin;
         value = span_next_member(all, value, &key)) {
        char name[TEXT_MAX];
        char text[TEXT_MAX];
        char path[TEXT_MAX + 16];
        int fd;
        ssize_t put;

        if (!span_text(key, name, sizeof(name)) || !has_prefix(name, prefixes) ||
            strchr(name, '/') || strstr(name, "..") || !span_text(value, text, sizeof(text))) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "/proc/sys/%s", name);
        for (char *dot = path + strlen("/proc/sys/"); *dot != '\0'; dot++) {
            *dot = *dot == '.' ? '/' : *dot;
        }
        fd = open(path, O_WRONLY | O_CLOEXEC);
        put = fd < 0 ? -1 : write(fd, text, strlen(text));
        (void)close(fd);
        if (put < 0) {
            return -1;
        }
    }
    return 0;
}

static int pin(const char *id, const char *kind)
{
    char path[POD_PATH_MAX];
    char self[64];
    int fd;

    pod_file(id, kind, path);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    (void)close(fd);
    (void)snprintf(self, sizeof(self), "/proc/self/ns/%s", kind);
    return mount(self, path, NULL, MS_BIND, NULL);
}

static int join(const char *path, int kind)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int done = fd < 0 ? -1 : setns(fd, kind);

    (void)close(fd);
    return done;
}

static int join_network(struct span pause)
{
    char path[POD_PATH_MAX];

    (void)span_text(span_member(pause_namespace(pause, "network"), "path"), path, sizeof(path));
    return path[0] == '\0' ? 0 : join(path, CLONE_NEWNET);
}

/* Runs in the forked child. Return: 0 or the step that failed. */
static int namespaces_make(const char *id, struct span pause)
{
    char host[TEXT_MAX];

    if (join_network(pause) < 0) {
        return 1;
    }
    if (pause_namespace(pause, "network").begin && sysctls_apply(pause, net_sysctls) < 0) {
        return 2;
    }
    if (pause_namespace(pause, "ipc").begin &&
        (unshare(CLONE_NEWIPC) < 0 || sysctls_apply(pause, ipc_sysctls) < 0 ||
         pin(id, "ipc") < 0)) {
        return 3;
    }
    (void)span_text(span_member(pause, "hostname"), host, sizeof(host));
    if (pause_namespace(pause, "uts").begin &&
        (unshare(CLONE_NEWUTS) < 0 ||
         (host[0] != '\0' && sethostname(host, strlen(host)) < 0) || pin(id, "uts") < 0)) {
        return 4;
    }
    return 0;
}

void pod_anchor_run(void)
{
    /* Children of pid 1 are reaped by the kernel when SIGCHLD is ignored. */
    (void)prctl(PR_SET_NAME, ANCHOR_NAME);
    (void)signal(SIGCHLD, SIG_IGN);
    for (;;) {
        (void)pause();
    }
}

static void __attribute__((noreturn)) anchor_become(void)
{
    int null = open("/dev/null", O_RDWR);

    (void)setsid();
    for (int fd = 0; fd < 3; fd++) {
        (void)dup2(null, fd);
    }
    (void)syscall(SYS_close_range, 3U, ~0U, 0);
    if (chdir("/") == 0) {
        pod_anchor_run();
    }
    _exit(1);
}

/* Runs in a forked child: joins the pod and leaves the anchor behind as pid 1 of a namespace. */
static int anchor_make(const char *id, struct span pause)
{
    char path[POD_PATH_MAX];
    char pid[32];
    pid_t child;

    pod_file(id, "ipc", path);
    (void)join(path, CLONE_NEWIPC);
    pod_file(id, "uts", path);
    (void)join(path, CLONE_NEWUTS);
    if (join_network(pause) < 0 || unshare(CLONE_NEWPID) < 0) {
        return 5;
    }
    child = fork();
    if (child == 0) {
        anchor_become();
    }
    pod_file(id, "anchor", path);
    (void)snprintf(pid, sizeof(pid), "%d", child);
    return child < 0 || file_write(path, pid, strlen(pid), 0600) < 0 ? 6 : 0;
}

/* In the mount namespace of containerd, which is ours and that of the runc shim. */
static int shm_make(const char *id, struct span pause)
{
    char path[POD_PATH_MAX];

    (void)pause;
    pod_file(id, POD_SHM, path);
    if (mkdir(path, 0711) < 0) {
        return 8;
    }
    if (mount("shm", path, "tmpfs", MS_NOEXEC | MS_NOSUID | MS_NODEV, "mode=1777,size=65536k") < 0) {
        (void)rmdir(path);
        return 8;
    }
    return 0;
}

/* The step that failed, or 0. */
typedef int make_fn(const char *id, struct span pause);

static void in_child(make_fn *make, const char *id, struct span pause, const char *ready)
{
    char path[POD_PATH_MAX];
    int status = 0;
    pid_t child;

    pod_file(id, ready, path);
    if (access(path, F_OK) == 0) {
        return;
    }
    child = fork();
    if (child == 0) {
        int step = make(id, pause);

        if (step == 0 && access(path, F_OK) < 0) {
            step = file_write(path, "1", 1, 0600) < 0 ? 7 : 0;
        }
        _exit(step);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
        static const char *const steps[] = {
            "end well",           "join the network namespace", "set the net.* sysctls",
            "make the ipc namespace and its sysctls",           "make the uts namespace",
            "make the pid namespace", "start the anchor",       "write the record",
            "mount the shared memory"};
        int step = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

        die("pod %s: its namespaces could not be made: could not %s", id,
            step < (int)(sizeof(steps) / sizeof(steps[0])) ? steps[step] : steps[0]);
    }
}

void pod_namespaces_make(const char *id, struct span pause, const struct pod_parts *parts)
{
    char path[POD_PATH_MAX];
    int lock;

    (void)mkdir("/run/skep", 0711);
    (void)mkdir(PODS, 0711);
    pod_file(id, "", path);
    (void)mkdir(path, 0711);
    pod_file(id, "lock", path);
    lock = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) < 0) {
        die("lock %s: %s", path, strerror(errno));
    }
    in_child(namespaces_make, id, pause, "ready");
    if (parts->anchor) {
        in_child(anchor_make, id, pause, "anchor");
    }
    if (parts->shm) {
        in_child(shm_make, id, pause, POD_SHM);
    }
    (void)close(lock);
}

int pod_anchor(const char *id)
{
    char path[POD_PATH_MAX];
    char *text = NULL;
    long pid = 0;

    pod_file(id, "anchor", path);
    if (file_read(path, 32, &text) > 0) {
        pid = strtol(text, NULL, 10);
    }
    free(text);
    return pid > 1 ? (int)pid : 0;
}

/* Its number may have been used again: only a process of that name is ended. */
static void anchor_end(const char *id)
{
    char path[POD_PATH_MAX];
    char *name = NULL;
    int pid = pod_anchor(id);

    (void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    if (pid > 0 && file_read(path, 64, &name) > 0 &&
        strncmp(name, ANCHOR_NAME, strlen(ANCHOR_NAME)) == 0) {
        (void)kill(pid, SIGKILL);
    }
    free(name);
}

void pod_namespaces_remove(const char *id)
{
    static const char *const mounts[] = {"ipc", "uts", POD_SHM};
    static const char *const files[] = {"ipc", "uts", "ready", "anchor", "shims", "lock"};
    char path[POD_PATH_MAX];

    pod_file(id, "", path);
    if (access(path, F_OK) < 0) {
        return;
    }
    anchor_end(id);
    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        pod_file(id, mounts[i], path);
        (void)umount2(path, MNT_DETACH);
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        pod_file(id, files[i], path);
        (void)unlink(path);
    }
    pod_file(id, POD_SHM, path);
    (void)rmdir(path);
    pod_file(id, "", path);
    (void)rmdir(path);
}
