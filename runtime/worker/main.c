/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep-worker DOMAIN [--accept-missing NAMES] [--keep-user]: the unprivileged program that holds
 * all components of one isolation domain. It is started by a supervisor with one end of a socket as
 * descriptor 3, and ends when that does. DOMAIN is for people who look at processes; NAMES are of
 * walls that this node's administrator lets be missing (sandbox.h).
 *
 * First the early walls, while there is one thread; at HELLO the engine; then the late walls.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "runtime/sandbox/notify.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/wire/message.h"
#include "runtime/worker/worker.h"

enum { WORKER_SOCKET = 3 };

/* What goes wrong before the socket is served reaches the supervisor's log all the same. */
static void tell_supervisor(const struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);
    struct message message = {.kind = MESSAGE_LOG, .log = {.level = LOG_LEVEL_ERROR}};

    message_set_text(message.log.text, sizeof(message.log.text), why->text);
    message_encode(&message, &bytes);
    if (fd_send(WORKER_SOCKET, bytes.data, bytes.length, NULL, 0) < 0) {
        log_error("worker cannot start", "why=\"%s\"", why->text);
    }
}

/* What main() has between the early walls and the late ones. */
struct doors {
    struct sandbox sandbox;
    int listener; /* of socket(2); -1: none, or handed away */
};

static int close_doors(void *owner, struct message_ready *ready, int *ret_listener,
                       struct fault *why)
{
    AUTO(buf_fini) struct buf walls = BUF(sizeof(ready->walls));
    struct doors *doors = (struct doors *)owner;
    struct sandbox *sandbox = &doors->sandbox;

    TRY(sandbox_enter_late(sandbox, why));
    *ret_listener = TAKE_FD(doors->listener);
    sandbox_print(sandbox, &walls);
    buf_put_u8(&walls, 0);
    message_set_text(ready->walls, sizeof(ready->walls), (const char *)walls.data);
    ready->complete = sandbox->missing[0] == '\0' ? 1 : 0;
    return 0;
}

static int read_options(int argc, char **argv, struct sandbox_options *ret, struct fault *why)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--keep-user") == 0) {
            ret->keep_user = true;
        } else if (strcmp(argv[i], "--accept-missing") == 0 && i + 1 < argc) {
            TRY(sandbox_accept(text_of(argv[++i]), &ret->accepted, why));
        } else {
            return fault(why, FAULT_INVALID, "no option %.40s", argv[i]);
        }
    }
    return argc >= 2 ? 0 : fault(why, FAULT_INVALID, "no DOMAIN");
}

int main(int argc, char **argv)
{
    struct sandbox_options options = {.fds_kept = WORKER_SOCKET + 1};
    struct doors doors = {.listener = -1};
    struct worker_plan plan = {.socket = WORKER_SOCKET, .ready = close_doors, .owner = &doors};
    struct worker *worker = NULL;
    struct fault why = {0};

    (void)signal(SIGPIPE, SIG_IGN); /* guests write into pipes whose readers go away */
    log_open(STDERR_FILENO, "skep-worker", LOG_LEVEL_INFO);
    if (read_options(argc, argv, &options, &why) < 0) {
        (void)fprintf(stderr,
                      "skep-worker: %s (usage: skep-worker DOMAIN [--accept-missing NAMES] "
                      "[--keep-user], started by a supervisor)\n",
                      why.text);
        return 2;
    }
    if (sandbox_enter_early(SANDBOX_WORKER, &options, &doors.sandbox, &why) < 0 ||
        notify_sockets(&doors.sandbox, &doors.listener, &why) < 0 ||
        loop_new(&plan.loop, &why) < 0 || worker_new(&plan, &worker, &why) < 0) {
        tell_supervisor(&why);
        return 1;
    }
    loop_run(plan.loop);
    /* Nothing that lives here outlives it; joining engine threads would only delay. */
    _exit(worker_last_words(worker)[0] == '\0' ? 0 : 1);
}
