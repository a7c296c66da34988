/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel gives out the smallest number that is free, so a number says how many are in use. */
#include "runtime/worker/files.h"

#include <sys/resource.h>

#include "base/fault.h"
#include "runtime/wire/message.h"

enum { KEPT_SHARE = 16 }; /* one of so many is for connections and files */

struct files files_read(void)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY};

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return (struct files){limit.rlim_cur, limit.rlim_cur - limit.rlim_cur / KEPT_SHARE};
}

static int say(struct files files, struct fault *why)
{
    return fault(why, FAULT_LIMIT,
                 "its worker has no descriptors for another task: of %lu that a process may open, "
                 "%lu are for tasks; raise LimitNOFILE of containerd's unit",
                 files.limit, files.for_tasks);
}

int files_check(struct files files, const int *fds, size_t count, struct fault *why)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0 && (unsigned long)fds[i] >= files.for_tasks) {
            return say(files, why);
        }
    }
    return 0;
}

bool files_refuse(struct files files, const struct message *message, struct message *ret,
                  struct fault *why)
{
    (void)say(files, why);
    *ret = (struct message){.kind = message->kind};
    if (message->kind == MESSAGE_START) {
        ret->kind = MESSAGE_STARTED;
        ret->started.task = message->start.task;
        message_set_text(ret->started.text, sizeof(ret->started.text), why->text);
    } else if (message->kind == MESSAGE_LOAD) {
        ret->kind = MESSAGE_LOADED;
        ret->loaded.component = message->load.component;
        message_set_text(ret->loaded.text, sizeof(ret->loaded.text), why->text);
    }
    return ret->kind != message->kind;
}
