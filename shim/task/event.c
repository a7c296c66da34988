/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event is under way at a time: its answer, or its failure, starts the next. That keeps the
 * order over broken connections without numbering anything.
 */
#include "shim/task/event.h"

#include <assert.h>
#include <bsd/sys/queue.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/loop.h"
#include "shim/pod/container.h"
#include "shim/ttrpc/client.h"
#include "shim/ttrpc/message.h"

#define SERVICE "containerd.services.events.ttrpc.v1.Events"

enum {
    CALL_SECONDS = 5, /* a try */
    WAIT_FIRST_MS = 20,
    WAIT_MOST_MS = 5000,
    EVENT_BYTES_MAX = 4 * 1024 * 1024 - 4096,
};

struct event {
    STAILQ_ENTRY(event) link;
    char namespace_id[IDENTIFIER_MAX + 1];
    const char *topic;
    const char *type;
    struct wall_time at;
    uint8_t *value;
    size_t length;
    unsigned tries;
    event_done_fn *done;
    void *owner;
};

STAILQ_HEAD(event_queue, event);

struct events {
    struct ttrpc_client *client; /* NULL: nobody is told */
    struct loop_timer *timer;
    struct event_queue queue;
    size_t count;
    size_t bytes;
    uint64_t dropped;
    uint64_t wait_ms;
    bool under_way; /* the first of the queue is being sent, or waits for its next try */
};

static const struct kind {
    const ProtobufCMessageDescriptor *type;
    const char *topic;
    const char *name;
} kinds[] = {
    {&event__task_create__descriptor, "/tasks/create", "containerd.events.TaskCreate"},
    {&event__task_start__descriptor, "/tasks/start", "containerd.events.TaskStart"},
    {&event__task_exit__descriptor, "/tasks/exit", "containerd.events.TaskExit"},
    {&event__task_delete__descriptor, "/tasks/delete", "containerd.events.TaskDelete"},
    {&event__task_oom__descriptor, "/tasks/oom", "containerd.events.TaskOOM"},
    {&event__task_exec_added__descriptor, "/tasks/exec-added", "containerd.events.TaskExecAdded"},
    {&event__task_exec_started__descriptor, "/tasks/exec-started",
     "containerd.events.TaskExecStarted"},
    {&event__task_paused__descriptor, "/tasks/paused", "containerd.events.TaskPaused"},
    {&event__task_resumed__descriptor, "/tasks/resumed", "containerd.events.TaskResumed"},
};

static void queue_serve(void *owner);

int events_new(struct loop *loop, const char *address, own struct events **ret, struct fault *why)
{
    struct events *events = NEW(struct events);

    STAILQ_INIT(&events->queue);
    events->wait_ms = WAIT_FIRST_MS;
    if (address[0] != '\0' && ttrpc_client_new(loop, address, &events->client, why) < 0) {
        free(events);
        return -1;
    }
    events->timer = loop_timer_new(loop, queue_serve, events);
    *ret = events;
    return 0;
}

/* Takes one out, tells its publisher, and frees it. */
static void event_end(struct events *events, own struct event *event)
{
    event_done_fn *done = event->done;
    void *owner = event->owner;

    STAILQ_REMOVE(&events->queue, event, event, link);
    events->count--;
    events->bytes -= event->length;
    free(event->value);
    free(event);
    if (done) {
        done(owner);
    }
}

struct events *events_free(own struct events *events)
{
    struct event *first = NULL;

    if (events) {
        events->client = ttrpc_client_free(events->client);
        events->timer = loop_timer_free(events->timer);
        while ((first = STAILQ_FIRST(&events->queue)) != NULL) {
            first->done = NULL;
            event_end(events, first);
        }
        free(events);
    }
    return NULL;
}

/* Room for one more, at the cost of the oldest that is not under way. */
static void make_room(struct events *events, size_t length)
{
    while (events->count >= EVENTS_MAX || events->bytes + length > EVENTS_BYTES_MAX) {
        struct event *oldest = STAILQ_FIRST(&events->queue);
        struct event *victim = events->under_way && oldest ? STAILQ_NEXT(oldest, link) : oldest;

        if (!victim) {
            return;
        }
        if (events->dropped == 0) {
            log_warn("events are being dropped", "queued=%zu topic=%s", events->count,
                     victim->topic);
        }
        events->dropped++;
        victim->done = NULL; /* whoever waits has a deadline */
        event_end(events, victim);
    }
}

static const struct kind *kind_of(const ProtobufCMessage *message)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (kinds[i].type == message->descriptor) {
            return &kinds[i];
        }
    }
    return NULL;
}

void events_publish(struct events *events, const char *namespace_id,
                    const ProtobufCMessage *message, event_done_fn *done, void *owner)
{
    const struct kind *kind = kind_of(message);
    struct buf bytes = BUF(EVENT_BYTES_MAX);
    struct event *event = NULL;

    assert(kind);
    message_pack(message, &bytes);
    if (bytes.overflow) {
        buf_fini(&bytes);
        events->dropped++;
        return;
    }
    make_room(events, bytes.length);
    event = NEW(struct event);
    (void)snprintf(event->namespace_id, sizeof(event->namespace_id), "%s", namespace_id);
    event->topic = kind->topic;
    event->type = kind->name;
    event->at = clock_wall();
    event->value = bytes.data;
    event->length = bytes.length;
    event->done = done;
    event->owner = owner;
    STAILQ_INSERT_TAIL(&events->queue, event, link);
    events->count++;
    events->bytes += event->length;
    if (!events->under_way) {
        events->under_way = true;
        loop_timer_set(events->timer, 0);
    }
}

void events_forget(struct events *events, const void *owner)
{
    struct event *event = NULL;

    STAILQ_FOREACH(event, &events->queue, link) {
        if (event->owner == owner) {
            event->done = NULL;
            event->owner = NULL;
        }
    }
}

/* ---- sending ---- */

/* Is it worth another try? Otherwise it is dropped. */
static bool is_worth(struct event *event, const struct fault *failed)
{
    if (failed->kind == FAULT_UNAVAILABLE) {
        return true; /* containerd is away: as long as it takes */
    }
    event->tries++;
    return failed->kind == FAULT_TIMEOUT && event->tries < EVENT_TRIES_MAX;
}

static void queue_next(struct events *events)
{
    events->under_way = !STAILQ_EMPTY(&events->queue);
    if (events->under_way) {
        queue_serve(events);
    }
}

static void forwarded(void *owner, struct text payload, const struct fault *failed)
{
    struct events *events = owner;
    struct event *event = STAILQ_FIRST(&events->queue);

    (void)payload;
    if (failed && is_worth(event, failed)) {
        loop_timer_set(events->timer, events->wait_ms * NS_PER_MS);
        events->wait_ms = events->wait_ms * 2 < WAIT_MOST_MS ? events->wait_ms * 2 : WAIT_MOST_MS;
        return;
    }
    if (failed) {
        events->dropped++;
        log_warn("event refused", "topic=%s namespace=%s: %s", event->topic, event->namespace_id,
                 failed->text);
    }
    events->wait_ms = WAIT_FIRST_MS;
    event_end(events, event);
    queue_next(events);
}

static void event_send(struct events *events, const struct event *event)
{
    Event__ForwardRequest request = EVENT__FORWARD_REQUEST__INIT;
    Event__Envelope envelope = EVENT__ENVELOPE__INIT;
    Types__Timestamp at = TYPES__TIMESTAMP__INIT;
    Types__Any any = TYPES__ANY__INIT;
    const struct ttrpc_request call = {.service = SERVICE,
                                       .method = "Forward",
                                       .message = &request.base,
                                       .namespace_id = event->namespace_id,
                                       .timeout_ns = CALL_SECONDS * NS_PER_S};

    at.seconds = event->at.seconds;
    at.nanos = event->at.nanos;
    any.type_url = (char *)(uintptr_t)event->type;
    any.value.data = event->value;
    any.value.len = event->length;
    envelope.timestamp = &at;
    envelope.namespace_ = (char *)(uintptr_t)event->namespace_id;
    envelope.topic = (char *)(uintptr_t)event->topic;
    envelope.event = &any;
    request.envelope = &envelope;
    ttrpc_client_call(events->client, &call, forwarded, events);
}

static void queue_serve(void *owner)
{
    struct events *events = owner;
    struct event *first = STAILQ_FIRST(&events->queue);

    if (events->client) {
        event_send(events, first);
        return;
    }
    while ((first = STAILQ_FIRST(&events->queue)) != NULL) {
        event_end(events, first);
    }
    events->under_way = false;
}

size_t events_queued(const struct events *events)
{
    return events->count;
}

uint64_t events_dropped(const struct events *events)
{
    return events->dropped;
}

/* ---- what several verbs publish ---- */

void event_exit(struct events *events, const struct guest *guest)
{
    Event__TaskExit message = EVENT__TASK_EXIT__INIT;
    Types__Timestamp at = TYPES__TIMESTAMP__INIT;
    const struct container *container = guest->container;
    const char *id = guest->id[0] != '\0' ? guest->id : container->id;

    if (container->is_api_sandbox) {
        return;
    }
    at.seconds = guest->ended.seconds;
    at.nanos = guest->ended.nanos;
    message.container_id = (char *)(uintptr_t)container->id;
    message.id = (char *)(uintptr_t)id;
    message.pid = guest->pid;
    message.exit_status = guest->status;
    message.exited_at = &at;
    events_publish(events, container->namespace_id, &message.base, NULL, NULL);
}

void event_delete(struct events *events, const struct guest *guest)
{
    Event__TaskDelete message = EVENT__TASK_DELETE__INIT;
    Types__Timestamp at = TYPES__TIMESTAMP__INIT;
    const struct container *container = guest->container;

    if (container->is_api_sandbox) {
        return;
    }
    at.seconds = guest->ended.seconds;
    at.nanos = guest->ended.nanos;
    message.container_id = (char *)(uintptr_t)container->id;
    message.pid = guest->pid;
    message.exit_status = guest->status;
    message.exited_at = &at;
    events_publish(events, container->namespace_id, &message.base, NULL, NULL);
}
