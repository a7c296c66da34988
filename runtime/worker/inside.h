/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What worker.c and verbs.c share: a worker's insides.
 *
 * Belongs here: the structs, and how a worker answers. Nobody else includes it.
 */
#pragma once

#include "runtime/engine/engine.h"
#include "runtime/wire/message.h"
#include "runtime/worker/files.h"
#include "runtime/worker/shelf.h"
#include "runtime/worker/worker.h"

#include "base/fault.h"
#include "base/log.h"

struct component {
    struct shelf_place place;
    struct engine_component *engine;
};

struct task {
    struct shelf_place place;
    struct engine_task *engine;
    struct worker *worker;
};

struct worker {
    struct worker_plan plan;
    struct channel *channel;
    struct mailbox *mailbox;
    struct engine *engine; /* NULL before HELLO */
    struct stats_page *page;
    struct switchboard *board;
    struct files files;
    struct shelf components;
    struct shelf tasks;
    struct shelf parts; /* of tasks that are not started yet */
    char last_words[FAULT_TEXT_MAX];
};

/* Lines are dropped where the supervisor does not read; outcomes wait in the channel. */
void worker_say(struct worker *worker, enum log_level level, const char *text);
void worker_answer(struct worker *worker, const struct message *message, const int *fds);

/* verbs.c: what is done with tasks. */
void do_part(struct worker *worker, const struct message *message, int *fds, size_t count);
void do_start(struct worker *worker, const struct message *message, int *fds, size_t count);
void do_verb(struct worker *worker, const struct message *message, int *fds, size_t count);
