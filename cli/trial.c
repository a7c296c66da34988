/* SPDX-License-Identifier: Apache-2.0 */
/* All descriptors of a job are memory files. */
#include "cli/trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/process.h"

enum { DESCRIPTION_MAX = 1024 * 1024, SENTENCE_MAX = 400, OUTPUTS = 3 };

static int run(const struct trial_job *job, int code, int description, int *ret_status,
               struct fault *why)
{
    char count[16];
    char path[4096];
    const char *const argv[] = {"skep-compiler", job->verb, "--parts", count, NULL};
    int fds[PROCESS_FDS_MAX] = {job->wasm, code, description};
    const struct process_plan plan = {.path = path, .argv = argv, .in = -1, .out = -1,
                                      .err = STDERR_FILENO, .fds = fds,
                                      .fds_count = OUTPUTS + job->parts_count};
    int pid = 0;

    if (plan.fds_count > PROCESS_FDS_MAX) {
        return fault(why, FAULT_LIMIT, "at most %d components are looked at together",
                     PROCESS_FDS_MAX - OUTPUTS);
    }
    for (size_t i = 0; i < job->parts_count; i++) {
        fds[OUTPUTS + i] = job->parts[i];
    }
    (void)snprintf(count, sizeof(count), "%zu", job->parts_count);
    TRY(process_sibling("skep-compiler", path, sizeof(path), why));
    TRY(process_start(&plan, &pid, why));
    while (waitpid(pid, ret_status, 0) < 0) {
        if (errno != EINTR) {
            return fault_sys(why, -errno, "wait for skep-compiler");
        }
    }
    return 0;
}

static int read_outcome(int status, int description, own struct node **ret, struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(DESCRIPTION_MAX);

    if (!WIFEXITED(status)) {
        return fault(why, FAULT_LIMIT, "skep-compiler was ended by signal %d: too little memory or "
                     "time for this component", WTERMSIG(status));
    }
    TRY(fs_read_fd(description, "the compiler's description", &bytes, why));
    if (WEXITSTATUS(status) != 0) {
        return fault(why, FAULT_INVALID, "%.*s",
                     bytes.length > SENTENCE_MAX ? SENTENCE_MAX : (int)bytes.length,
                     bytes.length > 0 ? (const char *)bytes.data : "without a reason");
    }
    return node_parse((struct text){(const char *)bytes.data, bytes.length},
                      "the compiler's description", DESCRIPTION_MAX, ret, why);
}

int trial_run(const struct trial_job *job, int *ret_code, own struct node **ret, struct fault *why)
{
    AUTO(fd_close) int code = fs_memory_new("code");
    AUTO(fd_close) int description = fs_memory_new("description");
    int status = 0;

    if (job->wasm < 0 || code < 0 || description < 0) {
        return fault(why, FAULT_LIMIT, "there is no memory for a compilation");
    }
    TRY(run(job, code, description, &status, why));
    TRY(read_outcome(status, description, ret, why));
    *ret_code = TAKE_FD(code);
    return 0;
}

int trial(struct text wasm, own struct node **ret, struct fault *why)
{
    AUTO(fd_close) int component = fs_memory("component", wasm.at, wasm.length);
    AUTO(fd_close) int code = -1;
    const struct trial_job job = {.verb = "compile", .wasm = component};

    if (trial_run(&job, &code, ret, why) < 0) {
        return why->kind == FAULT_INVALID ? fault_while(why, "it does not compile") : -1;
    }
    return 0;
}
