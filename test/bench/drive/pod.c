/* SPDX-License-Identifier: Apache-2.0 */
#include "test/bench/drive/pod.h"

#include <linux/limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "shim/proto/task.pb-c.h"
#include "shim/ttrpc/message.h"

enum { ID_ROOM = 32 };

static void id_of(unsigned number, char ret[ID_ROOM])
{
    (void)snprintf(ret, ID_ROOM, "pod%u", number);
}

static void create(struct pod *pod, const struct pod_plan *plan, char *id, char *bundle)
{
    Task__CreateTaskRequest request = TASK__CREATE_TASK_REQUEST__INIT;
    char out[PATH_MAX];
    char err[PATH_MAX];

    request.id = id;
    request.bundle = bundle;
    if (plan->fifos) {
        (void)snprintf(out, sizeof(out), "%.3000s/out", bundle);
        (void)snprintf(err, sizeof(err), "%.3000s/err", bundle);
        request.stdout = out;
        request.stderr = err;
    }
    (void)line_answer(&pod->line, line_send(&pod->line, "Create", &request.base), NULL);
}

static void begin(struct pod *pod, char *id)
{
    Task__StartRequest request = TASK__START_REQUEST__INIT;

    request.id = id;
    (void)line_answer(&pod->line, line_send(&pod->line, "Start", &request.base), NULL);
}

void pod_begin(struct pod *pod, const struct pod_plan *plan, unsigned number,
               struct pod_times *ret)
{
    Task__WaitRequest wait = TASK__WAIT_REQUEST__INIT;
    char id[ID_ROOM];
    char bundle[PATH_MAX];
    char path[108];
    uint64_t times[4];

    id_of(number, id);
    (void)snprintf(bundle, sizeof(bundle), "%s/%s", plan->bundles, id);
    times[0] = clock_now_ns();
    wire_start(plan->control, id, bundle, path);
    line_open(&pod->line, path);
    times[1] = clock_now_ns();
    create(pod, plan, id, bundle);
    times[2] = clock_now_ns();
    begin(pod, id);
    times[3] = clock_now_ns();
    wait.id = id;
    pod->wait = line_send(&pod->line, "Wait", &wait.base);
    *ret = (struct pod_times){times[1] - times[0], times[2] - times[1], times[3] - times[2]};
}

void pod_ask_stats(struct pod *pod, unsigned number)
{
    Task__StatsRequest request = TASK__STATS_REQUEST__INIT;
    char id[ID_ROOM];

    id_of(number, id);
    request.id = id;
    pod->stats = line_send(&pod->line, "Stats", &request.base);
}

void pod_take_stats(struct pod *pod)
{
    AUTO(message_free) ProtobufCMessage *message =
        line_answer(&pod->line, pod->stats, &task__stats_response__descriptor);
    const Task__StatsResponse *response = (const Task__StatsResponse *)(const void *)message;

    if (!response->stats || response->stats->value.len == 0) {
        die("a pod has no stats");
    }
}

void pod_end(struct pod *pod, unsigned number)
{
    Task__KillRequest kill = TASK__KILL_REQUEST__INIT;
    Task__DeleteRequest delete = TASK__DELETE_REQUEST__INIT;
    char id[ID_ROOM];

    id_of(number, id);
    kill.id = id;
    kill.signal = SIGKILL;
    delete.id = id;
    (void)line_send(&pod->line, "Kill", &kill.base);
    (void)line_answer(&pod->line, pod->wait, NULL);
    (void)line_answer(&pod->line, line_send(&pod->line, "Delete", &delete.base), NULL);
    line_close(&pod->line);
}
