/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop runs until the component has ended and all that it wrote was passed on; then everything
 * is freed, and the loop runs once more until the worker is reaped.
 */
#include "cli/local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "cli/component_file.h"
#include "cli/local_options.h"
#include "cli/pump.h"
#include "runtime/grant/grant.h"
#include "runtime/supervisor/run.h"
#include "runtime/supervisor/settings.h"
#include "runtime/supervisor/supervisor.h"

enum { RUN_INSTANCES = 8, SERVE_INSTANCES = 1000, STATUS_STOPPED = 143 };
#define GRACE_NS (10 * NS_PER_S)

struct local {
    const struct local_options *options;
    struct loop *loop;
    struct supervisor *supervisor;
    struct run *run;
    struct loop_signal *interrupted;
    struct loop_signal *terminated;
    struct pump *pumps[3];
    unsigned flowing; /* of the pumps of output */
    bool is_started;
    bool is_ended;
    unsigned asked; /* how often it was asked to stop */
    struct run_exit end;
    struct fault failed;
};

static void local_fail(struct local *local, const struct fault *why)
{
    local->failed = *why;
    loop_stop(local->loop);
}

static void output_done(void *owner)
{
    struct local *local = (struct local *)owner;

    local->flowing--;
    if (local->is_ended && local->flowing == 0) {
        loop_stop(local->loop);
    }
}

/* Pipes for the guest; ours are moved by pumps. */
static int stdio_open(struct local *local, struct run_stdio *ret, struct fault *why)
{
    int *const ends[] = {&ret->in, &ret->out, &ret->err};
    const int first = local->options->serve ? STDOUT_FILENO : STDIN_FILENO;

    *ret = (struct run_stdio){-1, -1, -1};
    for (int i = first; i <= STDERR_FILENO; i++) {
        TRY(pump_open(local->loop, i, i == STDIN_FILENO ? PUMP_TO_GUEST : PUMP_FROM_GUEST, ends[i],
                      &local->pumps[i], why));
        if (local->pumps[i] && i != STDIN_FILENO) {
            local->flowing++;
            pump_on_done(local->pumps[i], output_done, local);
        }
    }
    return 0;
}

static int start(struct local *local, struct fault *why)
{
    struct run_stdio stdio;
    int done = stdio_open(local, &stdio, why);

    done = done < 0 ? done : run_start(local->run, &stdio, why);
    if (done < 0) {
        (void)fd_close(stdio.in);
        (void)fd_close(stdio.out);
        (void)fd_close(stdio.err);
    }
    return done;
}

/* Another verb fits: that is what a person wants to hear first. */
static int kind_check(const struct local *local, enum run_kind kind, struct fault *why)
{
    const char *file = local->options->file;

    if (kind == RUN_SERVER && !local->options->serve) {
        return fault(why, FAULT_INVALID, "%s is an HTTP server: skep serve %s", file, file);
    }
    if (kind == RUN_COMMAND && local->options->serve) {
        return fault(why, FAULT_INVALID, "%s is a command: skep run %s", file, file);
    }
    if (kind == RUN_LIBRARY) {
        return fault(why, FAULT_INVALID,
                     "%s is a library: it exports neither wasi:cli/run nor an HTTP handler", file);
    }
    return 0;
}

static void on_ready(void *owner, enum run_kind kind, const struct fault *failed)
{
    struct local *local = (struct local *)owner;
    struct fault why = {0};
    int done = failed && failed->kind != FAULT_STATE ? 0 : kind_check(local, kind, &why);

    if (done == 0 && failed) {
        why = *failed;
        (void)fault_while(&why, "%s", local->options->file);
        done = -1;
    }
    if (done < 0 || start(local, &why) < 0) {
        local_fail(local, &why);
    }
}

static void on_started(void *owner, const struct fault *failed)
{
    struct local *local = (struct local *)owner;
    const char *address = local->options->address;

    if (failed) {
        local_fail(local, failed);
        return;
    }
    local->is_started = true;
    if (local->options->serve) {
        bool is_v6 = address && strchr(address, ':');

        (void)fprintf(stderr, "skep: %s is served at http://%s%s%s:%u/\n", local->options->file,
                      is_v6 ? "[" : "", address ? address : "[::]", is_v6 ? "]" : "",
                      run_port(local->run));
    }
}

static void on_end(void *owner, const struct run_exit *end)
{
    struct local *local = (struct local *)owner;

    local->end = *end;
    local->is_ended = true;
    if (local->flowing == 0) {
        loop_stop(local->loop);
    }
}

static void stop_asked(void *owner)
{
    struct local *local = (struct local *)owner;

    local->asked++;
    if (!local->is_started || local->is_ended) { /* nothing to be gentle with */
        local->end = (struct run_exit){.how = RUN_STOPPED, .code = STATUS_STOPPED};
        loop_stop(local->loop);
    } else if (local->asked == 1) {
        run_drain(local->run, GRACE_NS);
    } else {
        run_kill(local->run);
    }
}

static int cache_choose(const struct local_options *options, char ret[PATH_MAX], struct fault *why)
{
    const char *chosen = options->cache ? options->cache : getenv("SKEP_CACHE_DIR");
    const char *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char here[PATH_MAX];
    int length;

    if (chosen && chosen[0] == '/') {
        length = snprintf(ret, PATH_MAX, "%s", chosen);
    } else if (chosen) {
        if (!getcwd(here, sizeof(here))) {
            return fault_sys(why, -errno, "find the current folder");
        }
        length = snprintf(ret, PATH_MAX, "%s/%s", here, chosen);
    } else if (geteuid() == 0) {
        length = snprintf(ret, PATH_MAX, "/var/lib/skep/cache");
    } else if (base && base[0] == '/') {
        length = snprintf(ret, PATH_MAX, "%s/skep/code", base);
    } else if (home && home[0] == '/') {
        length = snprintf(ret, PATH_MAX, "%s/.cache/skep/code", home);
    } else {
        return fault(why, FAULT_INVALID, "there is no HOME: choose a folder with --cache");
    }
    return length < PATH_MAX ? 0 : fault(why, FAULT_LIMIT, "the cache's path is too long");
}

static int begin(struct local *local, struct fault *why)
{
    static const struct run_events events = {
        .on_ready = on_ready, .on_started = on_started, .on_exit = on_end};
    AUTO(fd_close) int wasm = -1;
    struct settings settings;
    char cache[PATH_MAX];
    char digest[COMPONENT_FILE_DIGEST_ROOM];
    struct supervisor_options options = {
        .cache_dir = cache,
        .instances = local->options->serve ? SERVE_INSTANCES : RUN_INSTANCES,
        .keep_user = geteuid() != 0,
        .accept = settings.accept,
    };
    struct run_plan plan = {.domain = "local",
                            .name = local->options->file,
                            .grant = local->options->grant,
                            .digest = digest,
                            .netns = -1,
                            .address = local->options->address};

    TRY(settings_read(&settings, why));
    options.compile_memory_bytes = settings.compile_memory_bytes;
    options.compile_seconds = settings.compile_cpu_seconds;
    options.threads = settings.threads;
    options.instances = settings.instances != 0 ? settings.instances : options.instances;
    TRY(component_file_open(local->options->file, &wasm, digest, why));
    TRY(cache_choose(local->options, cache, why));
    TRY(supervisor_new(local->loop, &options, &local->supervisor, why));
    local->interrupted = loop_signal_new(local->loop, SIGINT, stop_asked, local);
    local->terminated = loop_signal_new(local->loop, SIGTERM, stop_asked, local);
    plan.wasm = wasm;
    TRY(run_new(local->supervisor, &plan, &events, local, &local->run));
    (void)TAKE_FD(wasm);
    return 0;
}

static void finish(struct local *local)
{
    local->run = run_free(local->run);
    for (size_t i = 0; i < ARRAY_SIZE(local->pumps); i++) {
        local->pumps[i] = pump_close(local->pumps[i]);
    }
    local->interrupted = loop_signal_free(local->interrupted);
    local->terminated = loop_signal_free(local->terminated);
    local->supervisor = supervisor_free(local->supervisor);
    loop_run(local->loop); /* until the worker is reaped and other threads have come back */
    local->loop = loop_free(local->loop);
}

/* What ended it is on its stderr already, in the engine's words, if there was an engine left. */
static int report(const struct local *local)
{
    if (local->end.how == RUN_LOST) {
        (void)fprintf(stderr, "skep: %s: %s\n", local->options->file, local->end.text);
    }
    return (int)local->end.code;
}

/* Descriptors that we were started without must not come to stand for something else. */
static int standard_open(struct fault *why)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) {
            return fault_sys(why, -errno, "open /dev/null");
        }
    }
    return 0;
}

int local_run(const struct local_options *options, struct fault *why)
{
    struct local local = {.options = options};

    log_open(STDERR_FILENO, "skep", options->verbose ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR);
    (void)signal(SIGTTIN, SIG_IGN); /* reading in the background is the end of the input */
    TRY(standard_open(why));
    TRY(loop_new(&local.loop, why));
    if (begin(&local, &local.failed) == 0) {
        loop_run(local.loop);
    }
    finish(&local);
    if (local.failed.kind != FAULT_NONE) {
        *why = local.failed;
        return -1;
    }
    return report(&local);
}
