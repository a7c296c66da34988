/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole task service on a real socket, with us as containerd: a ttrpc client, and a server that
 * collects the events. Runs and images are stood in for.
 */
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "fake_images.h"
#include "fake_run.h"
#include "shim/pod/container.h"
#include "shim/pod/pods.h"
#include "shim/pod/reservation.h"
#include "shim/proto/task.pb-c.h"
#include "shim/task/event.h"
#include "shim/task/service.h"
#include "shim/ttrpc/client.h"
#include "turn.h"

enum { WORLD_EVENTS_MAX = 4096, WORLD_EVENT_ROOM = 160 };

struct world {
    struct loop *loop;
    char folder[40];
    char task_path[64];
    char events_path[64];
    struct reservations *reservations;
    struct pods *pods;
    struct events *events;
    struct service *service;
    struct ttrpc_server *server;
    struct ttrpc_server *event_server;
    struct ttrpc_client *client;
    const char *task_service; /* "containerd.task.v3.Task" */
    char seen[WORLD_EVENTS_MAX][WORLD_EVENT_ROOM]; /* "/tasks/exit ns id 137" */
    size_t seen_count;
    size_t refuse; /* events to refuse with an error, first */
};

/* cmocka's setup and teardown; the teardown fails the test when a run is left. */
int world_open(void **state);
int world_close(void **state);

void world_listen_for_events(struct world *world);
void world_stop_listening(struct world *world);

/* One call under way. */
struct ask {
    struct world *world;
    bool done;
    bool refused;
    struct fault why;
    uint8_t payload[8192];
    size_t length;
};

void ask_begin(struct world *world, struct ask *ask, const char *method,
               const ProtobufCMessage *request);
void ask_await(struct ask *ask);

/* The whole of it; the test fails when it is refused. Return: for message_free(), by @type. */
ProtobufCMessage *ask_ok(struct world *world, const char *method, const ProtobufCMessage *request,
                         const ProtobufCMessageDescriptor *type);
/* It must be refused, with this kind and text. */
void ask_refused(struct world *world, const char *method, const ProtobufCMessage *request,
                 enum fault_kind kind, const char *text);

/* Requests of one or two words. */
void create_begin(struct world *world, struct ask *ask, const char *id);
void create_ok(struct world *world, const char *id);
void start_ok(struct world *world, const char *id, const char *exec_id);
void kill_ok(struct world *world, const char *id, const char *exec_id, unsigned number);
void wait_begin(struct world *world, struct ask *ask, const char *id, const char *exec_id);
unsigned wait_status(struct ask *ask);
void delete_ok(struct world *world, const char *id, const char *exec_id, unsigned status);
Task__Status state_of(struct world *world, const char *id, const char *exec_id);
/* An exec of the container's own component. */
void exec_begin(struct world *world, struct ask *ask, const char *id, const char *exec_id,
                const char *arg);

/* Writes <folder>/<id>/config.json; @json NULL for an ordinary one with the argument "hello". */
void bundle_write(struct world *world, const char *id, const char *json);

/* Waits until so many events came, then they are these, in this order. */
void expect_events(struct world *world, const char *const *want, size_t count);
