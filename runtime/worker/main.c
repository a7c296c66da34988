/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep-worker: the unprivileged program that holds all components of one isolation domain. It is
 * started by a supervisor with one end of a socket as descriptor 3, and ends when that does.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/loop.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/worker/worker.h"

enum { WORKER_SOCKET = 3 };

static int serve(struct sandbox *sandbox, struct fault *why)
{
    struct loop *loop = NULL;
    struct worker *worker = NULL;

    TRY(loop_new(&loop, why));
    TRY(worker_new(loop, WORKER_SOCKET, sandbox, &worker, why));
    loop_run(loop);
    if (worker_last_words(worker)[0] != '\0') {
        return fault(why, FAULT_INTERNAL, "%s", worker_last_words(worker));
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sandbox_options options = {.fds_kept = WORKER_SOCKET + 1};
    struct sandbox sandbox = {.standing = 0};
    struct fault why = {0};

    (void)signal(SIGPIPE, SIG_IGN);
    log_open(STDERR_FILENO, "skep-worker", LOG_LEVEL_INFO);
    for (int i = 1; i < argc; i++) {
        options.keep_user = options.keep_user || strcmp(argv[i], "--keep-user") == 0;
    }
    if (sandbox_enter_early(SANDBOX_WORKER, &options, &sandbox, &why) < 0 ||
        serve(&sandbox, &why) < 0) {
        log_error("worker ends", "why=\"%s\"", why.text);
        _exit(1);
    }
    /* Nothing that lives here outlives it; joining engine threads would only delay. */
    _exit(0);
}
