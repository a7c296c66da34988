/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What blocks: the disk, starting a process, hashing. And the words for how the process ended,
 * because a signal tells a person nothing about limits.
 */
#include "runtime/supervisor/compile_job.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/process.h"

enum { SENTENCE_MAX = 400, NUMBER_ROOM = 24 };

void compile_job_close(struct compile_job *job)
{
    job->wasm = fd_close(job->wasm);
    for (size_t i = 0; i < job->parts_count; i++) {
        (void)fd_close(job->parts[i]);
    }
    job->parts_count = 0;
    free(job->parts);
    job->parts = NULL;
}

int compile_job_keep(struct compile_job *job, const struct composition *composition)
{
    job->wasm = fd_duplicate(composition->recipe);
    if (job->wasm < 0 || composition->count == 0) {
        return job->wasm < 0 ? job->wasm : 0;
    }
    job->parts = NEW_ARRAY(composition->count, int);
    for (size_t i = 0; i < composition->count; i++) {
        int copy = fd_duplicate(composition->parts[i]);

        if (copy < 0) {
            return copy;
        }
        job->parts[job->parts_count++] = copy;
    }
    return 0;
}

void compiler_get(struct compiler *compiler, const char *digest, int wasm,
                  struct component_wait *wait)
{
    const struct composition alone = {.digest = digest, .recipe = wasm};

    compiler_compose(compiler, &alone, wait);
}

static int find(struct component *component, struct fault *why)
{
    struct compiler *compiler = component->compiler;
    struct compile_job *job = &component->job;
    char identity[DIGEST_HEX_ROOM];
    int found;

    TRY(identity_get(&compiler->identity, compiler->program, identity, why));
    cache_key(component->digest, identity, job->key);
    found = cache_find(compiler->cache, job->key, &job->entry, why);
    if (found == CACHE_FOUND) {
        job->found = true;
        return description_parse(job->entry.description, &job->description, why);
    }
    return found == CACHE_MISSING ? 0 : found;
}

void compile_job_find(struct component *component)
{
    (void)find(component, &component->job.failed);
}

static int start(struct component *component, struct fault *why)
{
    struct compiler *compiler = component->compiler;
    struct compile_job *job = &component->job;
    char memory[NUMBER_ROOM];
    char seconds[NUMBER_ROOM];
    char parts[NUMBER_ROOM];
    const char *const argv[] = {"skep-compiler",    "compile",        "--memory-bytes",
                                memory,             "--cpu-seconds",  seconds,
                                "--accept-missing", compiler->accept, job->parts ? "--parts" : NULL,
                                parts,              NULL};
    int fds[3 + COMPILE_PARTS_MAX];

    (void)snprintf(memory, sizeof(memory), "%" PRIu64, compiler->memory_bytes);
    (void)snprintf(seconds, sizeof(seconds), "%" PRIu64, compiler->seconds);
    (void)snprintf(parts, sizeof(parts), "%zu", job->parts_count);
    TRY(cache_draft(compiler->cache, job->key, &job->draft, why));
    fds[0] = job->wasm;
    fds[1] = job->draft.code;
    fds[2] = job->draft.description;
    for (size_t i = 0; i < job->parts_count; i++) {
        fds[3 + i] = job->parts[i];
    }
    const struct process_plan plan = {.path = compiler->program,
                                      .argv = argv,
                                      .in = -1,
                                      .out = -1,
                                      .err = STDERR_FILENO,
                                      .fds = fds,
                                      .fds_count = 3 + job->parts_count,
                                      .session = true};
    return process_start(&plan, &job->pid, why);
}

void compile_job_start(struct component *component)
{
    (void)start(component, &component->job.failed);
}

static int admit(struct component *component, struct fault *why)
{
    struct compiler *compiler = component->compiler;
    struct compile_job *job = &component->job;

    TRY(cache_admit(compiler->cache, job->key, &job->draft, &job->entry, why));
    (void)cache_sweep(compiler->cache);
    return description_parse(job->entry.description, &job->description, why);
}

void compile_job_admit(struct component *component)
{
    (void)admit(component, &component->job.failed);
}

/* What the compiler itself said, without bytes that do not belong into a log. */
static void refusal_word(struct compile_job *job)
{
    AUTO(buf_fini) struct buf sentence = BUF(SENTENCE_MAX);
    struct fault ignored;

    if (fs_read_fd(job->draft.description, "the compiler's reason", &sentence, &ignored) < 0 ||
        sentence.length == 0) {
        (void)fault(&job->failed, FAULT_INTERNAL, "the compiler refused it without saying why");
        return;
    }
    for (size_t i = 0; i < sentence.length; i++) {
        if (sentence.data[i] < ' ' || sentence.data[i] == 127) {
            sentence.data[i] = ' ';
        }
    }
    (void)fault(&job->failed, FAULT_INVALID, "%.*s", (int)sentence.length,
                (const char *)sentence.data);
}

static void signal_word(const struct compiler *compiler, struct compile_job *job, int number)
{
    uint64_t mebibytes = compiler->memory_bytes >> 20;

    if (job->late || number == SIGXCPU) {
        (void)fault(&job->failed, FAULT_LIMIT,
                    "compiling it took too long (limit %" PRIu64 " seconds)",
                    (job->late ? COMPILE_PATIENCE : 1) * compiler->seconds);
    } else if (number == SIGKILL || number == SIGABRT) {
        /* An allocation that fails ends in abort(); the kernel's own judge kills. */
        (void)fault(&job->failed, FAULT_LIMIT,
                    "the compiler ran out of memory (limit %" PRIu64 " MiB)", mebibytes);
    } else if (number == SIGXFSZ) {
        (void)fault(&job->failed, FAULT_LIMIT, "the compiler wrote more code than is allowed");
    } else if (number == SIGSYS) {
        (void)fault(&job->failed, FAULT_INTERNAL,
                    "the compiler made a system call that its sandbox forbids");
    } else {
        (void)fault(&job->failed, FAULT_INTERNAL, "the compiler crashed (signal %d, %s)", number,
                    strsignal(number));
    }
}

void compile_job_word(struct component *component)
{
    struct compile_job *job = &component->job;

    job->is_final = true;
    if (WIFSIGNALED(job->status)) {
        signal_word(component->compiler, job, WTERMSIG(job->status));
    } else if (WEXITSTATUS(job->status) == 1) {
        refusal_word(job);
    } else {
        (void)fault(&job->failed, FAULT_INTERNAL, "the compiler ended with status %d",
                    WEXITSTATUS(job->status));
    }
}
