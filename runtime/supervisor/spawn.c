/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a pair is descriptor 3 of the worker. */
#include "runtime/supervisor/spawn.h"

#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "runtime/supervisor/worker_process.h"

own struct spawn *spawn_new(const struct worker_process_plan *plan)
{
    struct spawn *spawn = NEW(struct spawn);

    *spawn = (struct spawn){.loop = plan->loop,
                            .program = COPY_TEXT(plan->program),
                            .domain = COPY_TEXT(plan->domain),
                            .accept = COPY_TEXT(plan->accept ? plan->accept : ""),
                            .keep_user = plan->keep_user,
                            .socket = -1};
    return spawn;
}

struct spawn *spawn_free(own struct spawn *spawn)
{
    (void)fd_close(spawn->socket);
    free(spawn->program);
    free(spawn->domain);
    free(spawn->accept);
    free(spawn);
    return NULL;
}

static int spawn_run(struct spawn *spawn, struct fault *why)
{
    const char *const argv[] = {
        "skep-worker", spawn->domain, "--accept-missing", spawn->accept,
        spawn->keep_user ? "--keep-user" : NULL, NULL};
    struct process_plan plan = {.path = spawn->program,
                                .argv = argv,
                                .in = -1,
                                .out = -1,
                                .err = STDERR_FILENO,
                                .fds_count = 1,
                                .session = true};
    int pair[2];
    int done = fd_pair(pair);

    if (done < 0) {
        return fault_sys(why, done, "make a socket for a worker");
    }
    plan.fds = &pair[1];
    done = process_start(&plan, &spawn->pid, why);
    (void)fd_close(pair[1]);
    spawn->socket = pair[0];
    return done;
}

void spawn_work(void *owner)
{
    struct spawn *spawn = (struct spawn *)owner;

    (void)spawn_run(spawn, &spawn->failed);
}
