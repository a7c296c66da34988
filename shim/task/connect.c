/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connect, Pids, Shutdown: what containerd asks to learn whether this is still its shim. After its
 * restart it drops a task whose Connect fails or whose Pids are none.
 */
#include <unistd.h>

#include "shim/proto/runtime.pb-c.h"
#include "shim/task/verb.h"

void verb_connect(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Task__ConnectRequest, task__connect_request__descriptor)
    Task__ConnectResponse response = TASK__CONNECT_RESPONSE__INIT;
    struct fault why = {0};
    const struct container *container = verb_container(owner, call, request->id, &why);

    response.shim_pid = (uint32_t)getpid();
    response.task_pid = container ? container->init.pid : 0;
    response.version = (char *)(uintptr_t) "v2";
    ttrpc_answer_message(call, &response.base);
}

enum { DETAILS_ROOM = IDENTIFIER_MAX + 8 };

/* One process of the list, with room for what it points to. */
struct entry {
    Task__ProcessInfo info;
    Types__Any any;
    uint8_t details[DETAILS_ROOM];
};

static void entry_fill(struct entry *entry, struct guest *guest)
{
    Runtime__ProcessDetails details = RUNTIME__PROCESS_DETAILS__INIT;

    entry->info = (Task__ProcessInfo)TASK__PROCESS_INFO__INIT;
    entry->info.pid = guest->pid;
    if (guest->id[0] != '\0') {
        details.exec_id = guest->id;
        entry->any = (Types__Any)TYPES__ANY__INIT;
        entry->any.type_url = (char *)(uintptr_t) "containerd.runc.v1.ProcessDetails";
        entry->any.value.data = entry->details;
        entry->any.value.len = runtime__process_details__pack(&details, entry->details);
        entry->info.info = &entry->any;
    }
}

void verb_pids(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Task__PidsRequest, task__pids_request__descriptor)
    Task__PidsResponse response = TASK__PIDS_RESPONSE__INIT;
    AUTO(memory_free) struct entry *entries = NULL;
    AUTO(memory_free) Task__ProcessInfo **list = NULL;
    struct fault why = {0};
    struct guest *exec = NULL;
    struct container *container = verb_container(owner, call, request->id, &why);

    if (!container) {
        ttrpc_refuse(call, &why);
        return;
    }
    entries = NEW_ARRAY(container->execs_count + 1, struct entry);
    list = NEW_ARRAY(container->execs_count + 1, Task__ProcessInfo *);
    entry_fill(&entries[0], &container->init);
    list[response.n_processes++] = &entries[0].info;
    TAILQ_FOREACH(exec, &container->execs, link) {
        if (guest_is_live(exec)) {
            struct entry *entry = &entries[response.n_processes];

            entry_fill(entry, exec);
            list[response.n_processes++] = &entry->info;
        }
    }
    response.processes = list;
    ttrpc_answer_message(call, &response.base);
}

/* A hint, which containerd gives after every Delete: others live here, and the daemon ends by
 * itself when it is idle. */
void verb_shutdown(void *owner, own struct ttrpc_call *call)
{
    (void)owner;
    ttrpc_answer_message(call, NULL);
}
