/* SPDX-License-Identifier: Apache-2.0 */
/* The job's three descriptors are memory files: the component, its code, the description. */
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

enum { DESCRIPTION_MAX = 1024 * 1024, SENTENCE_MAX = 400 };

static int run(const int fds[3], int *ret_status, struct fault *why)
{
    const char *const argv[] = {"skep-compiler", "compile", NULL};
    char path[4096];
    const struct process_plan plan = {.path = path, .argv = argv, .in = -1, .out = -1,
                                      .err = STDERR_FILENO, .fds = fds, .fds_count = 3};
    int pid = 0;

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
        return fault(why, FAULT_INVALID, "it does not compile: %.*s",
                     bytes.length > SENTENCE_MAX ? SENTENCE_MAX : (int)bytes.length,
                     bytes.length > 0 ? (const char *)bytes.data : "without a reason");
    }
    return node_parse((struct text){(const char *)bytes.data, bytes.length},
                      "the compiler's description", DESCRIPTION_MAX, ret, why);
}

int trial(struct text wasm, own struct node **ret, struct fault *why)
{
    AUTO(fd_close) int component = fs_memory("component", wasm.at, wasm.length);
    AUTO(fd_close) int code = fs_memory_new("code");
    AUTO(fd_close) int description = fs_memory_new("description");
    const int fds[3] = {component, code, description};
    int status = 0;

    if (component < 0 || code < 0 || description < 0) {
        return fault(why, FAULT_LIMIT, "there is no memory for a compilation");
    }
    TRY(run(fds, &status, why));
    return read_outcome(status, description, ret, why);
}
