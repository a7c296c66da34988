/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A house for the engine's tests: one engine, guests by name, endings to wait for.
 *
 * Belongs here: what every test of the engine needs. Does not belong here: assertions
 * about the engine's behaviour.
 */
#pragma once

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/engine/engine.h"

enum {
    HOUSE_INSTANCES = 2000,
    HOUSE_TEXT_MAX = 256 * 1024,
    HOUSE_PATIENCE_S = 60, /* generous: the machine may be busy */
};

/* One task under test. */
struct house_task {
    struct engine_task *task;
    struct engine_grant grant;
    struct engine_counters counters;
    struct engine_latency latency;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned endings;
    struct engine_exit end;
    int output; /* our end of its stdout, nonblocking, or -1 */
    int error;
    uint16_t port; /* of its listener */
};

struct engine *house_engine(void);

/* How many lines the engine has logged as errors. */
unsigned house_errors(void);
int house_open(void **state);  /* cmocka group setup */
int house_close(void **state); /* cmocka group teardown */

/* The component of that name, loaded once and kept until house_close(). */
struct engine_component *house_guest(const char *name);

/* An open precompiled file; the caller's. */
int house_cwasm(const char *name);

/* A task with pipes for stdout and stderr and nothing else; args end with NULL. */
void house_prepare(struct house_task *task, const char *const *args);

/* Give it a listening socket on a free port of the loopback. */
void house_listen(struct house_task *task);

/* Both. */
void house_prepare_server(struct house_task *task);

/* Start it; the test fails if that fails. */
void house_start(struct house_task *task, const char *guest);

/* Wait until its end was reported. */
const struct engine_exit *house_wait(struct house_task *task);

/* All that is left in its stdout or stderr until the end; NUL-terminated, static. */
const char *house_read(int fd);

/* An answer as far as it came until the peer closed the connection. */
struct house_answer {
    int status; /* 0: there was none */
    char text[32 * 1024];
    const char *body;
};

/* A new connection with @request sent on it. */
int house_send(uint16_t port, const char *request);

/* GET of a path, on a connection that ends with it. */
int house_send_get(uint16_t port, const char *path);

/* The answer on a connection, which is closed. */
void house_receive(int connection, struct house_answer *answer);

/* Both in one. */
void house_get(uint16_t port, const char *path, struct house_answer *answer);

/* Free what house_prepare() made; after its end. */
void house_done(struct house_task *task);

/* End it softly and at once, and free it. */
void house_stop(struct house_task *task);

/* Wait for @fact(@of) to become true. */
void house_await(bool (*fact)(void *of), void *of, const char *what);

/* A fact of a struct house_task: an instance of it lives. */
bool house_has_instances(void *of);

uint64_t house_now_ns(void);
