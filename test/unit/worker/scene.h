/* SPDX-License-Identifier: Apache-2.0 */
/* A worker over an engine of ours; the test plays the supervisor on the same loop. */
#pragma once

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/loop.h"
#include "runtime/wire/channel.h"
#include "runtime/worker/worker.h"
#include "test/unit/worker/fake_engine.h"

struct scene {
    struct loop *loop;
    struct worker *worker;
    struct channel *channel;
    struct stats_page *page;
    struct switchboard *board;
    struct message last; /* of the kind that is waited for */
    enum message_kind wanted;
    size_t count; /* how many more of them */
    size_t lines;
    bool started[4096]; /* by task */
    bool in_order;      /* no EXITED before its STARTED */
    bool ended;
};

void scene_begin(struct scene *scene);
/* A scene in which the engine runs and component 1 is a command. */
void scene_ready(struct scene *scene);
/* Everything is released, and nothing of the engine is left. */
void scene_end(struct scene *scene);

/* Serves until @count messages of a kind have come; the last is in scene->last. */
void scene_await(struct scene *scene, enum message_kind kind, size_t count);

void scene_send(struct scene *scene, const struct message *message, const int *fds, size_t count);
void scene_hello(struct scene *scene, uint32_t version, uint32_t instances);
void scene_load(struct scene *scene, uint64_t component, const char *bytes);
void scene_start(struct scene *scene, uint64_t task, const char *behaviour);
/* A message that has nothing but a task. */
void scene_ask(struct scene *scene, enum message_kind kind, uint64_t task);

/* An encoded grant, as a descriptor. */
int grant_memory(const char *behaviour, size_t folders);
