/* SPDX-License-Identifier: Apache-2.0 */
/* Each component of a composition comes with a grant and descriptors of its own. */
#include "runtime/worker/task.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fs.h"
#include "runtime/grant/grant.h"
#include "runtime/stats/page.h"
#include "runtime/worker/parts.h"

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

/* What came for one component, in the order of message.def. */
struct came {
    const char *name;
    int *fds;
    size_t count;
    uint32_t present;
    uint32_t folders;
    uint32_t network;
};

/* What the engine is given for it, and what that points to. */
struct given {
    own struct grant *grant;
    struct engine_folder folders[GRANT_FOLDERS_MAX];
    struct engine_part part;
    int listener;
};

/* The descriptor of a stream, those before it counted; -1 for none. */
static int next_fd(const struct came *came, uint32_t bit, size_t *next)
{
    return (came->present & bit) != 0 ? came->fds[(*next)++] : -1;
}

static int fill_folders(const struct came *came, size_t first, struct given *ret, struct fault *why)
{
    const struct grant *grant = ret->grant;

    if (grant->folders_count != came->folders || first + grant->folders_count != came->count) {
        return fault(why, FAULT_INVALID, "the grant names %zu folders, and %u came",
                     grant->folders_count, came->folders);
    }
    for (size_t i = 0; i < grant->folders_count; i++) {
        ret->folders[i] = (struct engine_folder){.dir = came->fds[first + i],
                                                 .guest_path = grant->folders[i].guest,
                                                 .read_only = grant->folders[i].read_only};
    }
    return 0;
}

static int fill_part(const struct came *came, struct given *ret, struct fault *why)
{
    struct engine_part *part = &ret->part;
    const struct grant *grant = NULL;
    size_t next = 1;

    TRY(read_grant(came->fds[0], &ret->grant, why));
    grant = ret->grant;
    *part = (struct engine_part){
        .name = came->name,
        .arg_count = grant->args_count,
        .args = (const char *const *)grant->args,
        .env_count = grant->env_count,
        .env = (const char *const *)grant->env,
        .cwd = grant->cwd,
        .folder_count = grant->folders_count,
        .folders = ret->folders,
        .network_id = came->network,
        .network = {.allow = grant->network_allow,
                    .resolv_conf = grant->network_texts[GRANT_TEXT_RESOLV_CONF],
                    .hosts = grant->network_texts[GRANT_TEXT_HOSTS],
                    .trust = grant->network_texts[GRANT_TEXT_TRUST]},
    };
    part->input = next_fd(came, MESSAGE_STDIN, &next);
    part->output = next_fd(came, MESSAGE_STDOUT, &next);
    part->error = next_fd(came, MESSAGE_STDERR, &next);
    ret->listener = next_fd(came, MESSAGE_LISTENER, &next);
    return fill_folders(came, next, ret, why);
}

/* The engine has all but the grant's bytes. */
static void engine_took(int *fds, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        fds[i] = -1;
    }
}

/* The entry first, then the parts. */
struct givens {
    own struct given *items;
    size_t count;
    struct engine_part others[MESSAGE_PARTS_MAX];
};

static void givens_fini_auto(struct givens *givens)
{
    for (size_t i = 0; i < givens->count; i++) {
        (void)grant_free(givens->items[i].grant);
    }
    free(givens->items);
}

static int givens_fill(const struct task_start *start, struct givens *ret, struct fault *why)
{
    const struct message_start *message = start->message;
    const struct came entry = {.fds = start->fds,
                               .count = start->count,
                               .present = message->present,
                               .folders = message->folders,
                               .network = message->network};

    ret->items = NEW_ARRAY(1 + (size_t)message->parts, struct given);
    ret->count = 1 + (size_t)message->parts;
    TRY(fill_part(&entry, &ret->items[0], why));
    for (size_t i = 0; i < message->parts; i++) {
        struct part *part = start->parts->items[i];
        const struct came came = {.name = part->message.name,
                                  .fds = part->fds,
                                  .count = part->count,
                                  .present = part->message.present,
                                  .folders = part->message.folders,
                                  .network = part->message.network};

        TRY(fill_part(&came, &ret->items[i + 1], why));
        ret->others[i] = ret->items[i + 1].part;
    }
    return 0;
}

/* The grant of the whole task, in the engine's words. */
static struct engine_grant task_grant(const struct task_start *start, const struct givens *givens)
{
    const struct given *entry = &givens->items[0];
    const struct engine_part *part = &entry->part;
    struct engine_grant given = {.arg_count = part->arg_count,
                                 .args = part->args,
                                 .env_count = part->env_count,
                                 .env = part->env,
                                 .cwd = part->cwd,
                                 .input = part->input,
                                 .output = part->output,
                                 .error = part->error,
                                 .listener = entry->listener,
                                 .folder_count = part->folder_count,
                                 .folders = part->folders,
                                 .network_id = part->network_id,
                                 .network = part->network,
                                 .access_log = entry->grant->access_log,
                                 .call = entry->grant->call,
                                 .part_count = start->message->parts,
                                 .parts = givens->others};

    given.counters = stats_page_counters(start->page, start->message->slot);
    given.latency = stats_page_latency(start->page, start->message->slot);
    task_limits(&entry->grant->limits, &given.limits);
    return given;
}

int task_start(struct task_start *start, struct engine_task **ret, struct fault *why)
{
    AUTO(givens_fini) struct givens givens = {0};
    struct engine_grant given;
    struct engine_why engine_why = {0};
    size_t told = start->parts ? start->parts->count : 0;

    if (told != start->message->parts) {
        return fault(why, FAULT_INVALID, "it has %u parts, and %zu were told",
                     start->message->parts, told);
    }
    TRY(givens_fill(start, &givens, why));
    given = task_grant(start, &givens);
    if (engine_task_start(start->component, &given, start->watcher, ret, &engine_why) < 0) {
        return fault(why, engine_why.kind == ENGINE_LIMIT ? FAULT_LIMIT : FAULT_INTERNAL, "%s",
                     engine_why.text);
    }
    engine_took(start->fds, start->count);
    for (size_t i = 0; i < told; i++) {
        engine_took(start->parts->items[i]->fds, start->parts->items[i]->count);
    }
    return 0;
}
