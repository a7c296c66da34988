/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs: running the real skep-compiler with descriptors 3, 4 and 5, as the supervisor does.
 *
 * Belongs here: starting, waiting, reading what came out. Failures end the test.
 * Does not belong here: what is expected of a job (the tests).
 */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"
#include "base/json.h"

struct job {
    int pid;
    int code;
    int description;
};

struct outcome {
    int status; /* of exit, or -signal */
    struct buf code;
    struct buf description;
    struct node *json; /* of status 0 */
};

/* Memory files for the results. */
struct job job_new(void);
/* Start on a descriptor with Wasm; @options is ended by NULL and may be NULL for none. */
void job_start(struct job *job, int wasm, const char *const *options);
/* The same for any verb; the first descriptor is the recipe, the others are its parts. */
void job_start_parts(struct job *job, const char *verb, const int *wasm, size_t count,
                     const char *const *options);
/* Wait for its end; at most five minutes: it stands back for all others of the machine. */
struct outcome job_end(struct job *job);
/* Both, on bytes. */
struct outcome job_run(const void *bytes, size_t length, const char *const *options);
/* Both, on a guest of test/guests/prebuilt. */
struct outcome job_run_guest(const char *name);
void outcome_fini(struct outcome *outcome);

/* A guest's bytes. */
void guest_read(const char *name, struct buf *ret);

/* The sentence of a refusal, NUL-terminated; the job ended with 1 and put out no code. */
const char *outcome_sentence(struct outcome *outcome);
/* The text of a member of the description. */
const char *outcome_text(const struct outcome *outcome, const char *key);
/* Does the list of that name hold the text? */
bool outcome_lists(const struct outcome *outcome, const char *key, const char *text);

/* Run skep-compiler with these arguments and no descriptors but 0 to 2; the status of its exit. */
int program_run(const char *const *arguments, struct buf *ret_out);
