/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a task takes along to its worker: descriptors, and the right to ask for sockets, of each
 * component for itself. The parts of a composition are told before the START that they belong to;
 * where that does not come after all, KILL makes the worker forget them.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/fd.h"
#include "runtime/broker/sockets.h"
#include "runtime/stats/page.h"
#include "runtime/supervisor/worker_tasks.h"

/* Sockets for a component, where it has a namespace and its worker asks for them. */
static int network_begin(const struct worker_task *task, int netns, uint32_t *ret,
                         struct fault *why)
{
    *ret = 0;
    if (netns < 0 || !task->worker->desk) {
        return 0;
    }
    return sockets_grant(task->worker->desk, netns, ret, why);
}

void task_networks_end(struct worker_task *task)
{
    struct sockets_worker *desk = task->worker->desk;

    if (desk) {
        sockets_revoke(desk, task->network);
    }
    for (size_t i = 0; desk && i < task->part_networks_count; i++) {
        sockets_revoke(desk, task->part_networks[i]);
    }
    task->network = 0;
    task->part_networks_count = 0;
    free(task->part_networks);
    task->part_networks = NULL;
}

static int networks_begin(struct worker_task *task, const struct worker_task_grant *grant,
                          struct fault *why)
{
    TRY(network_begin(task, grant->netns, &task->network, why));
    if (grant->parts_count == 0) {
        return 0;
    }
    task->part_networks = NEW_ARRAY(grant->parts_count, uint32_t);
    for (size_t i = 0; i < grant->parts_count; i++) {
        TRY(network_begin(task, grant->parts[i].netns, &task->part_networks[i], why));
        task->part_networks_count++;
    }
    return 0;
}

static void put_fd(int fd, uint32_t bit, uint32_t *present, int *fds, size_t *count)
{
    if (fd >= 0) {
        *present |= bit;
        fds[(*count)++] = fd;
    }
}

/* Duplicates all; on failure none is left. */
static int fds_duplicate(int *fds, size_t count, struct fault *why)
{
    for (size_t i = 0; i < count; i++) {
        int copy = fd_duplicate(fds[i]);

        if (copy < 0) {
            for (size_t k = 0; k < i; k++) {
                (void)fd_close(fds[k]);
            }
            return fault_sys(why, copy, "hand descriptors to the worker");
        }
        fds[i] = copy;
    }
    return 0;
}

/* The descriptors of one component, in the order of message.def; borrowed. */
static size_t fds_list(const struct worker_task_grant *grant, uint32_t *present,
                       int fds[MESSAGE_FDS_MAX])
{
    size_t count = 0;

    assert(grant->folders_count <= GRANT_FOLDERS_MAX);
    fds[count++] = grant->memory;
    put_fd(grant->in, MESSAGE_STDIN, present, fds, &count);
    put_fd(grant->out, MESSAGE_STDOUT, present, fds, &count);
    put_fd(grant->err, MESSAGE_STDERR, present, fds, &count);
    put_fd(grant->listener, MESSAGE_LISTENER, present, fds, &count);
    for (size_t i = 0; i < grant->folders_count; i++) {
        fds[count++] = grant->folders[i];
    }
    return count;
}

static int parts_send(struct worker_task *task, const struct worker_task_grant *grant,
                      struct fault *why)
{
    for (size_t i = 0; i < grant->parts_count; i++) {
        struct message message = {.kind = MESSAGE_PART, .part = {.task = task->id}};
        struct message_part *part = &message.part;
        int fds[MESSAGE_FDS_MAX];
        size_t count = fds_list(&grant->parts[i], &part->present, fds);

        part->folders = (uint32_t)grant->parts[i].folders_count;
        part->network = task->part_networks[i];
        message_set_text(part->name, sizeof(part->name), grant->parts[i].name);
        TRY(fds_duplicate(fds, count, why));
        worker_process_send(task->worker, &message, fds, count);
    }
    return 0;
}

int worker_task_start(struct worker_task *task, const struct worker_task_grant *grant,
                      struct fault *why)
{
    struct worker_process *worker = task->worker;
    struct message message = {.kind = MESSAGE_START, .start = {.task = task->id}};
    struct message_start *start = &message.start;
    const struct message forget = {.kind = MESSAGE_KILL, .kill = {.task = task->id}};
    int fds[MESSAGE_FDS_MAX];
    size_t count = 0;

    assert(task->state == TASK_LOADED && grant->parts_count <= MESSAGE_PARTS_MAX);
    start->component = task->load->id;
    start->folders = (uint32_t)grant->folders_count;
    start->parts = (uint32_t)grant->parts_count;
    count = fds_list(grant, &start->present, fds);
    TRY(stats_page_admit(worker->page, &task->slot, why));
    start->slot = task->slot;
    if (networks_begin(task, grant, why) < 0 || parts_send(task, grant, why) < 0 ||
        fds_duplicate(fds, count, why) < 0) {
        worker_process_send(worker, &forget, NULL, 0);
        stats_page_release(worker->page, task->slot);
        task_networks_end(task);
        return -1;
    }
    start->network = task->network;
    task->state = TASK_STARTING;
    worker_process_send(worker, &message, fds, count);
    return 0;
}
