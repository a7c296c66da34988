/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `skep-compiler identity` prints one line. The answer holds as long as the program's file is the
 * same; an upgrade in place changes it, and with it every key in the cache.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/process.h"
#include "runtime/supervisor/compile_job.h"

enum { ANSWER_ROOM = 128 };
#define ANSWER_NS (30 * NS_PER_S)

/* Reads until the end of the pipe. Return: bytes, or negative errno. */
static int answer_read(int pipe, char answer[ANSWER_ROOM])
{
    uint64_t deadline = clock_now_ns() + ANSWER_NS;
    size_t length = 0;

    for (;;) {
        struct pollfd wanted = {.fd = pipe, .events = POLLIN};
        uint64_t now = clock_now_ns();
        ssize_t got;

        if (now >= deadline || poll(&wanted, 1, (int)((deadline - now) / NS_PER_MS) + 1) == 0) {
            return -ETIMEDOUT;
        }
        got = read(pipe, answer + length, ANSWER_ROOM - length);
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        length += got > 0 ? (size_t)got : 0;
        if (got == 0 || length == ANSWER_ROOM) {
            return (int)length;
        }
    }
}

static int ask(const char *program, char ret[DIGEST_HEX_ROOM], struct fault *why)
{
    AUTO(fd_close) int hear = -1;
    const char *const argv[] = {"skep-compiler", "identity", NULL};
    struct process_plan plan = {
        .path = program, .argv = argv, .in = -1, .err = STDERR_FILENO, .session = true};
    char answer[ANSWER_ROOM];
    int ends[2];
    int status = 0;
    int length;
    int pid;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return fault_sys(why, -errno, "make a pipe to the compiler");
    }
    hear = ends[0];
    plan.out = ends[1];
    length = process_start(&plan, &pid, why);
    (void)fd_close(ends[1]);
    TRY(length);
    length = answer_read(hear, answer);
    if (length < 0) {
        (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (length != DIGEST_HEX_LENGTH + 1 || status != 0 ||
        strspn(answer, "0123456789abcdef") != DIGEST_HEX_LENGTH) {
        return fault(why, FAULT_INTERNAL, "%s does not say which compiler it is (status %d)",
                     program, status);
    }
    memcpy(ret, answer, DIGEST_HEX_LENGTH);
    ret[DIGEST_HEX_LENGTH] = '\0';
    return 0;
}

static bool is_same_file(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
           one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
           one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

static int get(struct identity *identity, const char *program, struct fault *why)
{
    struct stat now;

    if (stat(program, &now) < 0) {
        return fault_sys(why, -errno, "find %s", program);
    }
    if (identity->hex[0] == '\0' || !is_same_file(&identity->program, &now)) {
        TRY(ask(program, identity->hex, why));
        identity->program = now;
    }
    return 0;
}

int identity_get(struct identity *identity, const char *program, char ret[DIGEST_HEX_ROOM],
                 struct fault *why)
{
    int done;

    (void)pthread_mutex_lock(&identity->lock);
    done = get(identity, program, why);
    if (done == 0) {
        memcpy(ret, identity->hex, DIGEST_HEX_ROOM);
    }
    (void)pthread_mutex_unlock(&identity->lock);
    return done;
}
