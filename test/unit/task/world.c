/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/loop.h"
#include "shim/ttrpc/message.h"

static const struct kind {
    const char *type;
    const ProtobufCMessageDescriptor *descriptor;
} kinds[] = {
    {"containerd.events.TaskCreate", &event__task_create__descriptor},
    {"containerd.events.TaskStart", &event__task_start__descriptor},
    {"containerd.events.TaskExit", &event__task_exit__descriptor},
    {"containerd.events.TaskDelete", &event__task_delete__descriptor},
    {"containerd.events.TaskOOM", &event__task_oom__descriptor},
    {"containerd.events.TaskExecAdded", &event__task_exec_added__descriptor},
    {"containerd.events.TaskExecStarted", &event__task_exec_started__descriptor},
    {"containerd.events.TaskPaused", &event__task_paused__descriptor},
    {"containerd.events.TaskResumed", &event__task_resumed__descriptor},
};

/* Which ids an event names, and which status. */
static void event_words(const ProtobufCMessage *message, char *ret, size_t room)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    if (type == &event__task_exit__descriptor) {
        const Event__TaskExit *exit = (const Event__TaskExit *)(const void *)message;

        assert_non_null(exit->exited_at);
        assert_true(exit->pid != 0);
        (void)snprintf(ret, room, "%s %s %u", exit->container_id, exit->id, exit->exit_status);
    } else if (type == &event__task_exec_added__descriptor ||
               type == &event__task_exec_started__descriptor) {
        const Event__TaskExecAdded *exec = (const Event__TaskExecAdded *)(const void *)message;

        (void)snprintf(ret, room, "%s %s", exec->container_id, exec->exec_id);
    } else {
        /* The container's id is the first field of all others. */
        const Event__TaskOOM *any = (const Event__TaskOOM *)(const void *)message;

        (void)snprintf(ret, room, "%s", any->container_id);
    }
}

static void event_note(struct world *world, const Event__Envelope *envelope)
{
    const ProtobufCMessageDescriptor *type = NULL;
    ProtobufCMessage *message = NULL;
    struct fault why = {0};
    char words[WORLD_EVENT_ROOM / 2];

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].type, envelope->event->type_url) == 0) {
            type = kinds[i].descriptor;
        }
    }
    assert_non_null(type);
    assert_true(envelope->timestamp->seconds > 0);
    assert_int_equal(message_unpack(type,
                                    (struct text){(const char *)envelope->event->value.data,
                                                  envelope->event->value.len},
                                    &message, &why),
                     0);
    event_words(message, words, sizeof(words));
    assert_true(world->seen_count < WORLD_EVENTS_MAX);
    (void)snprintf(world->seen[world->seen_count++], WORLD_EVENT_ROOM, "%s %s %s", envelope->topic,
                   envelope->namespace_, words);
    (void)message_free(message);
}

static void forward(void *owner, own struct ttrpc_call *call)
{
    struct world *world = owner;
    ProtobufCMessage *message = NULL;
    struct fault why = {0};

    if (world->refuse > 0) {
        world->refuse--;
        (void)fault(&why, FAULT_INVALID, "not this one");
        ttrpc_refuse(call, &why);
        return;
    }
    assert_int_equal(ttrpc_unpack(call, &event__forward_request__descriptor, &message, &why), 0);
    event_note(world, ((const Event__ForwardRequest *)(const void *)message)->envelope);
    (void)message_free(message);
    ttrpc_answer_message(call, NULL);
}

void world_listen_for_events(struct world *world)
{
    static const struct ttrpc_method methods[] = {
        {"containerd.services.events.ttrpc.v1.Events", "Forward", forward}, {NULL, NULL, NULL}};
    struct fault why = {0};
    int listener = -1;

    assert_int_equal(ttrpc_listen(world->events_path, &listener, &why), 0);
    assert_int_equal(
        ttrpc_server_new(world->loop, listener, methods, world, &world->event_server, &why), 0);
}

void world_stop_listening(struct world *world)
{
    world->event_server = ttrpc_server_free(world->event_server);
    (void)unlink(world->events_path);
}

int world_open(void **state)
{
    struct world *world = NEW(struct world);
    struct pods_tools pods = {0};
    struct service_tools service = {0};
    struct fault why = {0};
    int listener = -1;

    (void)snprintf(world->folder, sizeof(world->folder), "/tmp/skep-task-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->task_path, sizeof(world->task_path), "%s/task.sock", world->folder);
    (void)snprintf(world->events_path, sizeof(world->events_path), "%s/ev.sock", world->folder);
    world->task_service = "containerd.task.v3.Task";
    assert_int_equal(loop_new(&world->loop, &why), 0);
    fake_runs_open(world->loop);
    fake_images_open(world->loop);
    world_listen_for_events(world);
    world->reservations = reservations_new(world->loop);
    pods = (struct pods_tools){world->loop, NULL, NULL, world->reservations};
    world->pods = pods_new(&pods);
    assert_int_equal(events_new(world->loop, world->events_path, &world->events, &why), 0);
    service = (struct service_tools){world->loop, world->pods, world->events};
    world->service = service_new(&service, "");
    assert_int_equal(ttrpc_listen(world->task_path, &listener, &why), 0);
    assert_int_equal(ttrpc_server_new(world->loop, listener, service_methods(), world->service,
                                      &world->server, &why),
                     0);
    assert_int_equal(ttrpc_client_new(world->loop, world->task_path, &world->client, &why), 0);
    *state = world;
    return 0;
}

static void removed(void *owner, const struct service_removed *how)
{
    (void)how;
    *(bool *)owner = true;
}

int world_close(void **state)
{
    struct world *world = *state;
    struct container *each = NULL;
    char command[64];

    while ((each = pods_next(world->pods, NULL)) != NULL) {
        bool done = false;

        service_remove(world->service, each->namespace_id, each->id, removed, &done);
        turn_until_true(world->loop, &done, "what the test left behind to be removed");
    }
    world->client = ttrpc_client_free(world->client);
    world->server = ttrpc_server_free(world->server);
    world->service = service_free(world->service);
    world->events = events_free(world->events);
    world->pods = pods_free(world->pods);
    world->reservations = reservations_free(world->reservations);
    world->event_server = ttrpc_server_free(world->event_server);
    world->loop = loop_free(world->loop);
    (void)snprintf(command, sizeof(command), "rm -rf %s", world->folder);
    assert_int_equal(system(command), 0);
    free(world);
    assert_int_equal(fake_runs_left(), 0);
    return 0;
}

/* ---- asking ---- */

static void asked(void *owner, struct text payload, const struct fault *failed)
{
    struct ask *ask = owner;

    ask->done = true;
    ask->refused = failed != NULL;
    if (failed) {
        ask->why = *failed;
    } else {
        assert_true(payload.length <= sizeof(ask->payload));
        if (payload.length > 0) {
            memcpy(ask->payload, payload.at, payload.length);
        }
        ask->length = payload.length;
    }
}

void ask_begin(struct world *world, struct ask *ask, const char *method,
               const ProtobufCMessage *request)
{
    const struct ttrpc_request call = {world->task_service, method, request, "ns", 20 * NS_PER_S};

    memset(ask, 0, sizeof(*ask));
    ask->world = world;
    ttrpc_client_call(world->client, &call, asked, ask);
}

void ask_await(struct ask *ask)
{
    turn_until_true(ask->world->loop, &ask->done, "an answer");
}

ProtobufCMessage *ask_ok(struct world *world, const char *method, const ProtobufCMessage *request,
                         const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *response = NULL;
    struct fault why = {0};
    struct ask ask;

    ask_begin(world, &ask, method, request);
    ask_await(&ask);
    if (ask.refused) {
        fail_msg("%s was refused: %s", method, ask.why.text);
    }
    if (!type) {
        assert_int_equal(ask.length, 0);
        return NULL;
    }
    assert_int_equal(message_unpack(type, (struct text){(const char *)ask.payload, ask.length},
                                    &response, &why),
                     0);
    return response;
}

void ask_refused(struct world *world, const char *method, const ProtobufCMessage *request,
                 enum fault_kind kind, const char *text)
{
    struct ask ask;

    ask_begin(world, &ask, method, request);
    ask_await(&ask);
    assert_true(ask.refused);
    assert_string_equal(ask.why.text, text);
    assert_int_equal(ask.why.kind, kind);
}

/* ---- requests ---- */

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

void bundle_write(struct world *world, const char *id, const char *json)
{
    char path[128];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", world->folder, id);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof(path), "%s/%s/config.json", world->folder, id);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(json ? json
                     : "{\"ociVersion\":\"1.1.0\",\"process\":{\"args\":[\"hello\"],\"cwd\":\"/\"},"
                       "\"root\":{\"path\":\"rootfs\"},"
                       "\"linux\":{\"resources\":{\"memory\":{\"limit\":1048576}}}}",
                file);
    (void)fclose(file);
}

void create_begin(struct world *world, struct ask *ask, const char *id)
{
    Task__CreateTaskRequest request = TASK__CREATE_TASK_REQUEST__INIT;
    char bundle[128];

    (void)snprintf(bundle, sizeof(bundle), "%s/%s", world->folder, id);
    request.id = text(id);
    request.bundle = bundle;
    ask_begin(world, ask, "Create", &request.base);
}

void create_ok(struct world *world, const char *id)
{
    struct ask ask;

    bundle_write(world, id, NULL);
    create_begin(world, &ask, id);
    ask_await(&ask);
    if (ask.refused) {
        fail_msg("create of %s was refused: %s", id, ask.why.text);
    }
}

void start_ok(struct world *world, const char *id, const char *exec_id)
{
    Task__StartRequest request = TASK__START_REQUEST__INIT;

    request.id = text(id);
    request.exec_id = text(exec_id);
    (void)message_free(
        ask_ok(world, "Start", &request.base, &task__start_response__descriptor));
}

void kill_ok(struct world *world, const char *id, const char *exec_id, unsigned number)
{
    Task__KillRequest request = TASK__KILL_REQUEST__INIT;

    request.id = text(id);
    request.exec_id = text(exec_id);
    request.signal = number;
    (void)ask_ok(world, "Kill", &request.base, NULL);
}

void wait_begin(struct world *world, struct ask *ask, const char *id, const char *exec_id)
{
    Task__WaitRequest request = TASK__WAIT_REQUEST__INIT;

    request.id = text(id);
    request.exec_id = text(exec_id);
    ask_begin(world, ask, "Wait", &request.base);
}

unsigned wait_status(struct ask *ask)
{
    Task__WaitResponse *response = NULL;
    unsigned status;

    ask_await(ask);
    assert_false(ask->refused);
    response = task__wait_response__unpack(NULL, ask->length, ask->payload);
    assert_non_null(response);
    assert_non_null(response->exited_at);
    status = response->exit_status;
    task__wait_response__free_unpacked(response, NULL);
    return status;
}

void delete_ok(struct world *world, const char *id, const char *exec_id, unsigned status)
{
    Task__DeleteRequest request = TASK__DELETE_REQUEST__INIT;
    AUTO(message_free) ProtobufCMessage *response = NULL;

    request.id = text(id);
    request.exec_id = text(exec_id);
    response = ask_ok(world, "Delete", &request.base, &task__delete_response__descriptor);
    assert_int_equal(((const Task__DeleteResponse *)(const void *)response)->exit_status, status);
}

Task__Status state_of(struct world *world, const char *id, const char *exec_id)
{
    Task__StateRequest request = TASK__STATE_REQUEST__INIT;
    AUTO(message_free) ProtobufCMessage *response = NULL;

    request.id = text(id);
    request.exec_id = text(exec_id);
    response = ask_ok(world, "State", &request.base, &task__state_response__descriptor);
    return ((const Task__StateResponse *)(const void *)response)->status;
}

void exec_begin(struct world *world, struct ask *ask, const char *id, const char *exec_id,
                const char *arg)
{
    Task__ExecProcessRequest request = TASK__EXEC_PROCESS_REQUEST__INIT;
    Types__Any spec = TYPES__ANY__INIT;
    char json[256];

    (void)snprintf(json, sizeof(json), "{\"args\":[\"%s\",\"more\"],\"cwd\":\"/\"}", arg);
    spec.type_url = text("types.containerd.io/opencontainers/runtime-spec/1/Process");
    spec.value.data = (uint8_t *)json;
    spec.value.len = strlen(json);
    request.id = text(id);
    request.exec_id = text(exec_id);
    request.spec = &spec;
    ask_begin(world, ask, "Exec", &request.base);
}

/* ---- events ---- */

struct expectation {
    const struct world *world;
    size_t count;
};

static bool enough_came(void *owner)
{
    const struct expectation *expectation = owner;

    return expectation->world->seen_count >= expectation->count;
}

void expect_events(struct world *world, const char *const *want, size_t count)
{
    struct expectation expectation = {world, count};

    turn_until(world->loop, enough_came, &expectation, want[count - 1]);
    assert_int_equal(world->seen_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(world->seen[i], want[i]);
    }
}
