/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors come in the order of message.def: the grant, what is present, the folders. */
#include "runtime/worker/task.h"

#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fs.h"
#include "runtime/grant/grant.h"
#include "runtime/stats/page.h"

/* The wire's numbers are the engine's. */
_Static_assert((int)MESSAGE_COMMAND == (int)ENGINE_COMMAND &&
                   (int)MESSAGE_SERVER == (int)ENGINE_SERVER &&
                   (int)MESSAGE_LIBRARY == (int)ENGINE_LIBRARY,
               "what a component is");
_Static_assert((int)MESSAGE_EXITED_BY_ITSELF == (int)ENGINE_EXITED &&
                   (int)MESSAGE_TRAPPED == (int)ENGINE_TRAPPED &&
                   (int)MESSAGE_OOM == (int)ENGINE_OOM &&
                   (int)MESSAGE_KILLED == (int)ENGINE_KILLED &&
                   (int)MESSAGE_STOPPED == (int)ENGINE_STOPPED &&
                   (int)MESSAGE_FAILED == (int)ENGINE_FAILED,
               "how a task ends");

/* The task's number is the first field of all of these. */
_Static_assert(offsetof(struct message, kill.task) == offsetof(struct message, drain.task) &&
                   offsetof(struct message, kill.task) == offsetof(struct message, update.task),
               "one way to find the task");

void task_limits(const struct grant_limits *limits, struct engine_limits *ret)
{
    *ret = (struct engine_limits){
        .memory_bytes = limits->memory_bytes,
        .instance_max = limits->instance_max,
        .handle_max = limits->handle_max,
        .file_max = limits->file_max,
        .cpu_weight = limits->cpu_weight,
        .cpu_quota_ns = limits->cpu_quota_ns,
        .cpu_period_ns = limits->cpu_period_ns,
        .connection_max = limits->connection_max,
        .request_max = limits->request_max,
        .queue_max = limits->queue_max,
        .queue_ns = limits->queue_ns,
        .request_ns = limits->request_ns,
        .body_bytes = limits->body_bytes,
        .head_bytes = limits->head_bytes,
        .head_ns = limits->head_ns,
        .stream_max = limits->stream_max,
        .connection_requests = limits->connection_requests,
        .reuse_max = limits->reuse_max,
        .reuse_ns = limits->reuse_ns,
        .lame_duck_ns = limits->lame_duck_ns,
    };
}

static int read_grant(int memory, own struct grant **ret, struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(GRANT_BYTES_MAX);
    struct cursor in;

    TRY(fs_read_fd(memory, "the grant", &bytes, why));
    in = cursor_over(bytes.data, bytes.length);
    TRY(grant_decode(&in, ret, why));
    if (cursor_left(&in) > 0) {
        *ret = grant_free(*ret);
        return fault(why, FAULT_INVALID, "the grant has %zu bytes too many", cursor_left(&in));
    }
    return 0;
}

/* Where each stream's descriptor lies among those that came; -1 for none. */
struct places {
    int input;
    int output;
    int error;
    int listener;
    size_t folders;
};

static struct places find_places(const struct message_start *message)
{
    int next = 1;
    struct places places = {.input = -1, .output = -1, .error = -1, .listener = -1};

    places.input = (message->present & MESSAGE_STDIN) != 0 ? next++ : -1;
    places.output = (message->present & MESSAGE_STDOUT) != 0 ? next++ : -1;
    places.error = (message->present & MESSAGE_STDERR) != 0 ? next++ : -1;
    places.listener = (message->present & MESSAGE_LISTENER) != 0 ? next++ : -1;
    places.folders = (size_t)next;
    return places;
}

static int fd_at(const struct task_start *start, int place)
{
    return place < 0 ? -1 : start->fds[place];
}

static void engine_took(struct task_start *start)
{
    for (size_t i = 1; i < start->count; i++) {
        start->fds[i] = -1;
    }
}

static int fill_folders(const struct task_start *start, const struct grant *grant,
                        struct engine_folder *folders, struct fault *why)
{
    size_t first = find_places(start->message).folders;

    if (grant->folders_count != start->message->folders ||
        first + grant->folders_count != start->count) {
        return fault(why, FAULT_INVALID, "the grant names %zu folders, and %u came",
                     grant->folders_count, start->message->folders);
    }
    for (size_t i = 0; i < grant->folders_count; i++) {
        folders[i] = (struct engine_folder){.dir = start->fds[first + i],
                                            .guest_path = grant->folders[i].guest,
                                            .read_only = grant->folders[i].read_only};
    }
    return 0;
}

int task_start(struct task_start *start, struct engine_task **ret, struct fault *why)
{
    AUTO(grant_free) struct grant *grant = NULL;
    struct engine_folder folders[GRANT_FOLDERS_MAX];
    struct places places = find_places(start->message);
    struct engine_grant given = {.folders = folders};
    struct engine_why engine_why = {0};

    TRY(read_grant(start->fds[0], &grant, why));
    TRY(fill_folders(start, grant, folders, why));
    given.arg_count = grant->args_count;
    given.args = (const char *const *)grant->args;
    given.env_count = grant->env_count;
    given.env = (const char *const *)grant->env;
    given.cwd = grant->cwd;
    given.input = fd_at(start, places.input);
    given.output = fd_at(start, places.output);
    given.error = fd_at(start, places.error);
    given.listener = fd_at(start, places.listener);
    given.folder_count = grant->folders_count;
    given.network_id = start->message->network;
    given.network = (struct engine_network){
        .allow = grant->network_allow,
        .resolv_conf = grant->network_texts[GRANT_TEXT_RESOLV_CONF],
        .hosts = grant->network_texts[GRANT_TEXT_HOSTS],
        .trust = grant->network_texts[GRANT_TEXT_TRUST],
    };
    given.access_log = grant->access_log;
    given.call = grant->call;
    given.counters = stats_page_counters(start->page, start->message->slot);
    given.latency = stats_page_latency(start->page, start->message->slot);
    task_limits(&grant->limits, &given.limits);
    if (engine_task_start(start->component, &given, start->watcher, ret, &engine_why) < 0) {
        return fault(why, engine_why.kind == ENGINE_LIMIT ? FAULT_LIMIT : FAULT_INTERNAL, "%s",
                     engine_why.text);
    }
    engine_took(start);
    return 0;
}
