/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs are memory files, so that nothing is left behind and nothing is looked up by path. */
#include "job.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/process.h"

enum { ARGUMENTS_MAX = 8, WAIT_MS = 300000, FILE_MAX = 256 << 20 };

static const char *program(void)
{
    static char path[4096];
    const char *build = getenv("SKEP_BUILD");

    assert_non_null(build);
    (void)snprintf(path, sizeof(path), "%s/bin/skep-compiler", build);
    return path;
}

static int memory_file(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    return fd;
}

static int start(const char *const *argv, int out, const int *fds, size_t count)
{
    const struct process_plan plan = {
        .path = program(),
        .argv = argv,
        .in = -1,
        .out = out,
        .err = -1,
        .fds = fds,
        .fds_count = count,
    };
    struct fault why = {0};
    int pid = -1;

    if (process_start(&plan, &pid, &why) < 0) {
        fail_msg("%s", why.text);
    }
    return pid;
}

/* The status of its exit, or -signal. */
static int end(int pid)
{
    AUTO(fd_close) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    int status = 0;

    assert_true(pidfd >= 0);
    if (poll(&ended, 1, WAIT_MS) != 1) {
        (void)kill(pid, SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void read_all(int fd, const char *what, struct buf *ret)
{
    struct fault why = {0};

    *ret = BUF(FILE_MAX);
    if (fs_read_fd(fd, what, ret, &why) < 0) {
        fail_msg("%s", why.text);
    }
    buf_put_u8(ret, 0); /* for those who read it as text */
    ret->length--;
}

struct job job_new(void)
{
    return (struct job){.code = memory_file("code"), .description = memory_file("description")};
}

void job_start_parts(struct job *job, const char *verb, const int *wasm, size_t count,
                     const char *const *options)
{
    const char *argv[ARGUMENTS_MAX] = {"skep-compiler", verb};
    int fds[PROCESS_FDS_MAX] = {wasm[0], job->code, job->description};

    for (size_t i = 0; options && options[i]; i++) {
        assert_true(i + 3 < ARGUMENTS_MAX);
        argv[i + 2] = options[i];
    }
    for (size_t i = 1; i < count; i++) {
        fds[2 + i] = wasm[i];
    }
    job->pid = start(argv, -1, fds, 2 + count);
}

void job_start(struct job *job, int wasm, const char *const *options)
{
    job_start_parts(job, "compile", &wasm, 1, options);
}

struct outcome job_end(struct job *job)
{
    struct outcome outcome = {.status = end(job->pid)};
    struct fault why = {0};

    read_all(job->code, "code", &outcome.code);
    read_all(job->description, "description", &outcome.description);
    job->code = fd_close(job->code);
    job->description = fd_close(job->description);
    if (outcome.status == 0) {
        struct text text = {(const char *)outcome.description.data, outcome.description.length};

        if (node_parse(text, "the description", FILE_MAX, &outcome.json, &why) < 0) {
            fail_msg("%s", why.text);
        }
    }
    return outcome;
}

struct outcome job_run(const void *bytes, size_t length, const char *const *options)
{
    AUTO(fd_close) int wasm = fs_memory("wasm", bytes, length);
    struct job job = job_new();

    assert_true(wasm >= 0);
    job_start(&job, wasm, options);
    return job_end(&job);
}

struct outcome job_run_guest(const char *name)
{
    AUTO(buf_fini) struct buf bytes = {0};

    guest_read(name, &bytes);
    return job_run(bytes.data, bytes.length, NULL);
}

void outcome_fini(struct outcome *outcome)
{
    buf_fini(&outcome->code);
    buf_fini(&outcome->description);
    outcome->json = node_free(outcome->json);
}

void guest_read(const char *name, struct buf *ret)
{
    const char *source = getenv("SKEP_SOURCE");
    char path[4096];
    AUTO(fd_close) int fd = -1;

    assert_non_null(source);
    (void)snprintf(path, sizeof(path), "%s/test/guests/prebuilt/%s.wasm", source, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    read_all(fd, name, ret);
}

const char *outcome_sentence(struct outcome *outcome)
{
    const char *sentence = (const char *)outcome->description.data;

    if (outcome->status != 1) {
        fail_msg("ended with %d: %s", outcome->status, sentence);
    }
    assert_int_equal(outcome->code.length, 0);
    assert_true(outcome->description.length > 0 && outcome->description.length <= FAULT_TEXT_MAX);
    return sentence;
}

const char *outcome_text(const struct outcome *outcome, const char *key)
{
    const char *text = NULL;

    if (outcome->status != 0) {
        fail_msg("ended with %d: %s", outcome->status, (const char *)outcome->description.data);
    }
    text = node_string(node_member(outcome->json, key));
    assert_non_null(text);
    return text;
}

bool outcome_lists(const struct outcome *outcome, const char *key, const char *text)
{
    const struct node *list = node_member(outcome->json, key);

    assert_non_null(list);
    for (size_t i = 0; i < node_count(list); i++) {
        if (strcmp(node_string(node_item(list, i)), text) == 0) {
            return true;
        }
    }
    return false;
}

int program_run(const char *const *arguments, struct buf *ret_out)
{
    AUTO(fd_close) int out = memory_file("out");
    const char *argv[ARGUMENTS_MAX] = {"skep-compiler"};
    int status;

    for (size_t i = 0; arguments[i]; i++) {
        assert_true(i + 2 < ARGUMENTS_MAX);
        argv[i + 1] = arguments[i];
    }
    status = end(start(argv, out, NULL, 0));
    read_all(out, "out", ret_out);
    return status;
}
