/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon is started by a double fork with nothing inherited: containerd waits until every
 * holder of our stdout has closed it. It says "+" on descriptor 3 when it listens.
 */
#include "shim/launcher/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
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

#include "shim/launcher/file.h"
#include "shim/launcher/options.h"

enum { PROGRAM_PATH_MAX = 4200, OWN_FOLDER_MAX = 4096 };

static uint64_t fnv1a(uint64_t hash, const char *text)
{
    /* FNV-1a, 64 bit; the NUL takes part, so that two texts do not run together. */
    do {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
    } while (*text++ != '\0');
    return hash;
}

/* The folder of this program, "/" at its end. */
static void own_folder(char ret[OWN_FOLDER_MAX])
{
    ssize_t length = readlink("/proc/self/exe", ret, OWN_FOLDER_MAX - 1);

    if (length < 0) {
        die("read /proc/self/exe: %s", strerror(errno));
    }
    ret[length] = '\0';
    *(strrchr(ret, '/') + 1) = '\0';
}

/* Two installations of one build have two daemons: they may differ in their libraries. */
void daemon_state(const struct options *options, char *ret)
{
    const char *top = getenv("SKEP_STATE_DIR");
    const char *whose = options->ttrpc[0] != '\0' ? options->ttrpc : options->address;
    uint64_t hash = fnv1a(fnv1a(0xcbf29ce484222325ULL, whose), SKEP_BUILD_ID);
    char self[OWN_FOLDER_MAX];
    int length;

    own_folder(self);
    hash = fnv1a(hash, self);
    if (!top || top[0] != '/') {
        top = "/run/skep";
    }
    length = snprintf(ret, STATE_PATH_MAX, "%s/%016llx", top, (unsigned long long)hash);
    if (length >= STATE_PATH_MAX) {
        die("SKEP_STATE_DIR is longer than %d bytes", STATE_PATH_MAX - 18);
    }
}

static int daemon_connect(const char *state)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s/" CONTROL_SOCKET, state);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&where, sizeof(where)) < 0) {
        int err = errno;

        (void)close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

static size_t request_write(char *request, char verb, const char *const *texts)
{
    size_t length = 1;

    request[0] = verb;
    for (; *texts; texts++) {
        size_t more = strlen(*texts) + 1;

        if (length + more > CONTROL_BYTES_MAX) {
            die("the arguments are longer than %d bytes", CONTROL_BYTES_MAX);
        }
        memcpy(request + length, *texts, more);
        length += more;
    }
    return length;
}

int daemon_ask(const char *state, char verb, const char *const *texts, struct answer *ret)
{
    char packet[CONTROL_BYTES_MAX];
    size_t length = request_write(packet, verb, texts);
    int fd = daemon_connect(state);
    ssize_t got = -1;

    if (fd < 0) {
        return -1;
    }
    if (send(fd, packet, length, MSG_NOSIGNAL) == (ssize_t)length) {
        do {
            got = recv(fd, packet, sizeof(packet), 0);
        } while (got < 0 && errno == EINTR);
    }
    (void)close(fd);
    if (got < 2 || packet[got - 1] != '\0') {
        errno = got < 0 ? errno : EPROTO;
        return -1;
    }
    ret->letter = packet[0];
    memcpy(ret->text, packet + 1, (size_t)got - 1);
    return 0;
}

static void program_find(char *ret)
{
    static const char *const places[] = {"skepd", "../libexec/skep/skepd"};
    char self[OWN_FOLDER_MAX];

    own_folder(self);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        (void)snprintf(ret, PROGRAM_PATH_MAX, "%s%s", self, places[i]);
        if (access(ret, X_OK) == 0) {
            return;
        }
    }
    die("skepd is neither in %s nor in %s../libexec/skep", self, self);
}

static void __attribute__((noreturn))
daemon_become(const char *program, const char *state, const struct options *options, int ready)
{
    const char *argv[] = {"skepd",          "--state",
                          state,            "--address",
                          options->address, "--ttrpc",
                          options->ttrpc,   options->debug ? "--debug" : NULL,
                          NULL};
    int null = open("/dev/null", O_RDWR);

    (void)setsid();
    for (int fd = 0; fd < 3; fd++) {
        (void)dup2(null, fd);
    }
    if (ready == CONTROL_READY_FD) {
        (void)fcntl(ready, F_SETFD, 0);
    } else {
        (void)dup2(ready, CONTROL_READY_FD);
    }
    (void)syscall(SYS_close_range, CONTROL_READY_FD + 1U, ~0U, 0);
    if (chdir("/") == 0) {
        (void)execv(program, (char *const *)(uintptr_t)argv);
    }
    if (write(CONTROL_READY_FD, "-skepd could not be executed", 28) < 0) {
        _exit(126);
    }
    _exit(127);
}

static void daemon_start(const char *state, const struct options *options)
{
    char program[PROGRAM_PATH_MAX];
    char words[512];
    int ready[2];
    size_t length = 0;
    pid_t child;

    program_find(program);
    if (pipe2(ready, O_CLOEXEC) < 0) {
        die("make a pipe: %s", strerror(errno));
    }
    child = fork();
    if (child == 0) {
        (void)close(ready[0]);
        if (fork() == 0) {
            daemon_become(program, state, options, ready[1]);
        }
        _exit(0);
    }
    (void)close(ready[1]);
    if (child < 0) {
        die("fork to start skepd: %s", strerror(errno));
    }
    (void)waitpid(child, NULL, 0);
    for (;;) {
        ssize_t got = read(ready[0], words + length, sizeof(words) - 1 - length);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        length += (size_t)got;
    }
    (void)close(ready[0]);
    words[length] = '\0';
    if (words[0] != '+') {
        die("skepd did not start: %s", length > 1 ? words + 1 : "it ended without a word");
    }
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0711) < 0 && errno != EEXIST) {
        die("create %s: %s", path, strerror(errno));
    }
}

void daemon_ensure(const char *state, const struct options *options)
{
    char path[STATE_PATH_MAX + 8];
    int fd = daemon_connect(state);
    int lock;

    if (fd >= 0) {
        (void)close(fd);
        return;
    }
    (void)snprintf(path, sizeof(path), "%s", state);
    *strrchr(path, '/') = '\0';
    make_folder(path);
    make_folder(state);
    (void)snprintf(path, sizeof(path), "%s/" CONTROL_LOCK, state);
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) < 0) {
        die("lock %s: %s", path, strerror(errno));
    }
    fd = daemon_connect(state);
    if (fd >= 0) {
        (void)close(fd);
    } else {
        daemon_start(state, options);
    }
    (void)close(lock);
}
