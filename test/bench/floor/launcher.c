/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-shim-floor-v2. The listening socket is made here, so that it takes connections before the
 * daemon has begun: no word between the two is needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/bench/floor/floor.h"

static void __attribute__((noreturn)) die(const char *what)
{
    (void)fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_un address(void)
{
    struct sockaddr_un ret = {.sun_family = AF_UNIX};
    const char *path = getenv(FLOOR_SOCKET);

    if (!path || path[0] != '/' || strlen(path) >= sizeof(ret.sun_path)) {
        errno = EINVAL;
        die(FLOOR_SOCKET);
    }
    memcpy(ret.sun_path, path, strlen(path) + 1);
    return ret;
}

static int is_served(const struct sockaddr_un *where)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int connected = connect(fd, (const struct sockaddr *)where, sizeof(*where)) == 0;

    (void)close(fd);
    return connected;
}

/* Nothing of ours may stay open in it: containerd waits for the end of our output. */
static void __attribute__((noreturn)) become_daemon(int listener)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - sizeof("floord"));
    int null = open("/dev/null", O_RDWR);

    (void)setsid();
    for (int fd = 0; fd < 3; fd++) {
        (void)dup2(null, fd);
    }
    (void)dup2(listener, FLOOR_LISTENER);
    (void)syscall(SYS_close_range, FLOOR_LISTENER + 1U, ~0U, 0);
    if (length > 0 && chdir("/") == 0) {
        program[length] = '\0';
        memcpy(strrchr(program, '/') + 1, "floord", sizeof("floord"));
        (void)execl(program, "floord", NULL);
    }
    _exit(127);
}

static void start_daemon(const struct sockaddr_un *where)
{
    /* Above the daemon's own number for it, so that dup2() there takes away close-on-exec. */
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int high = fcntl(listener, F_DUPFD_CLOEXEC, FLOOR_LISTENER + 1);
    pid_t child;

    (void)unlink(where->sun_path);
    if (high < 0 || bind(high, (const struct sockaddr *)where, sizeof(*where)) < 0 ||
        listen(high, 4096) < 0) {
        die(where->sun_path);
    }
    child = fork();
    if (child == 0) {
        if (fork() == 0) {
            become_daemon(high);
        }
        _exit(0);
    }
    if (child < 0) {
        die("fork");
    }
    (void)waitpid(child, NULL, 0);
}

static int start(void)
{
    struct sockaddr_un where = address();
    char path[sizeof(where.sun_path) + 8];
    int lock;

    if (!is_served(&where)) {
        (void)snprintf(path, sizeof(path), "%s.lock", where.sun_path);
        lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (lock < 0 || flock(lock, LOCK_EX) < 0) {
            die(path);
        }
        if (!is_served(&where)) {
            start_daemon(&where);
        }
    }
    return printf("unix://%s", where.sun_path) > 0 && fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    /* DeleteResponse: exited_at one second after 1970. */
    static const char deleted[] = {0x1a, 0x02, 0x08, 0x01};
    const char *action = argc > 1 ? argv[argc - 1] : "";

    if (strcmp(action, "start") == 0) {
        return start();
    }
    if (strcmp(action, "delete") == 0) {
        return write(STDOUT_FILENO, deleted, sizeof(deleted)) == sizeof(deleted) ? 0 : 1;
    }
    errno = EINVAL;
    die("usage: containerd-shim-floor-v2 … start|delete");
}
