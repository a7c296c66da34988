/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs followed by a test: what was told of each, and waiting for it with a deadline.
 *
 * Belongs here: what the supervisor's tests share. The programs are fake_worker.c, fake_compiler.c.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "runtime/grant/grant.h"
#include "runtime/supervisor/run.h"
#include "runtime/supervisor/supervisor.h"

/* What "gives" exports and "needs" imports. */
#define LINKED "acme:vault/store@1.0.0"

enum { TRACK_ARGS_MAX = 4, TRACK_TEXT = 256 };

struct track {
    struct run *run;
    struct grant grant;
    char *args[TRACK_ARGS_MAX];
    char words[TRACK_TEXT]; /* args point into it */
    enum run_kind kind;
    bool ready;   /* on_ready was told, with or without failure */
    bool started; /* on_started was told */
    bool ended;   /* on_exit was told */
    bool free_when_ready;
    const char *pod;   /* NULL: none */
    const char *title; /* in it */
    int error;         /* read end of its stderr, when it is in a pod */
    struct fault failed; /* kind FAULT_NONE: neither failed */
    struct run_exit end;
    int output; /* read end of its stdout after track_start() */
};

extern struct loop *loop;
extern struct supervisor *supervisor;
extern struct supervisor_options options; /* of the supervisor; change, then track_restart() */
extern char folder[64];                   /* of this test; cache, counters, FIFOs */
extern struct fault why;

int track_set_up(void **state);
int track_tear_down(void **state);
/* A new supervisor over the same cache. */
void track_restart(void);

/* A run of the component "word folder/name" (or the word alone) in a domain. */
void track_new(struct track *track, const char *domain, const char *word, const char *name,
               const char *args);
void track_start(struct track *track);
/* Lets a library provide. */
void track_provide(struct track *track);
/* All four steps: until its end. */
void track_through(struct track *track, const char *domain, const char *word, const char *args);
void track_free(struct track *track);

/* Serves the loop until *flag; fails the test after ten seconds. */
void until(const bool *flag);
/* One turn of everything that is due. */
void turn(void);

/* How often the compiler was asked to compile NAME. */
size_t compiled(const char *name);
/* What a run wrote to its stdout. */
void output_of(struct track *track, char ret[TRACK_TEXT]);
size_t open_descriptors(void);
