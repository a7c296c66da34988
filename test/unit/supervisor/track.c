/* SPDX-License-Identifier: Apache-2.0 */
#include "track.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/log.h"

struct loop *loop;
struct supervisor *supervisor;
struct supervisor_options options;
char folder[64];
struct fault why;

static char cache[128];
static char worker[512];
static char compiler[512];
static struct loop_timer *deadline;
static bool is_late;
static const bool *awaited;

static void deadline_passed(void *owner)
{
    (void)owner;
    is_late = true;
    loop_stop(loop);
}

static void look(void)
{
    if (awaited && *awaited) {
        loop_stop(loop);
    }
}

void until(const bool *flag)
{
    if (*flag) {
        return;
    }
    awaited = flag;
    is_late = false;
    loop_timer_set(deadline, 20 * NS_PER_S);
    loop_run(loop);
    loop_timer_stop(deadline);
    awaited = NULL;
    assert_false(is_late);
}

static void turn_over(void *owner)
{
    *(bool *)owner = true;
    look();
}

void turn(void)
{
    bool over = false;
    struct loop_timer *timer = loop_timer_new(loop, turn_over, &over);

    loop_timer_set(timer, 20 * NS_PER_MS);
    until(&over);
    (void)loop_timer_free(timer);
}

void track_restart(void)
{
    supervisor = supervisor_free(supervisor);
    assert_int_equal(supervisor_new(loop, &options, &supervisor, &why), 0);
}

int track_set_up(void **state)
{
    const char *build = getenv("SKEP_BUILD");

    (void)state;
    log_open(-1, "test", LOG_LEVEL_ERROR);
    (void)snprintf(folder, sizeof(folder), "/tmp/skep-run-XXXXXX");
    if (!mkdtemp(folder) || !build) {
        return -1;
    }
    (void)snprintf(cache, sizeof(cache), "%s/cache", folder);
    (void)snprintf(worker, sizeof(worker), "%s/bin/fake-worker", build);
    (void)snprintf(compiler, sizeof(compiler), "%s/bin/fake-compiler", build);
    options =
        (struct supervisor_options){.cache_dir = cache, .worker = worker, .compiler = compiler,
                                    .keep_user = true}; /* it has no walls to be looked at */
    if (loop_new(&loop, &why) < 0 || supervisor_new(loop, &options, &supervisor, &why) < 0) {
        return -1;
    }
    deadline = loop_timer_new(loop, deadline_passed, NULL);
    return 0;
}

static void remove_folder(const char *path)
{
    DIR *stream = opendir(path);
    struct dirent *item;

    while ((void)(item = readdir(stream)), item) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0) {
            (void)unlinkat(dirfd(stream), item->d_name, 0);
        }
    }
    (void)closedir(stream);
    (void)rmdir(path);
}

int track_tear_down(void **state)
{
    (void)state;
    supervisor = supervisor_free(supervisor);
    deadline = loop_timer_free(deadline);
    loop_run(loop); /* until nothing is left: processes are reaped, other threads have come back */
    loop = loop_free(loop);
    remove_folder(cache);
    remove_folder(folder);
    return 0;
}

static void on_ready(void *owner, enum run_kind kind, const struct fault *failed)
{
    struct track *track = (struct track *)owner;

    track->ready = true;
    track->kind = kind;
    track->failed = failed ? *failed : (struct fault){0};
    if (track->free_when_ready) {
        track->run = run_free(track->run);
    }
    look();
}

static void on_started(void *owner, const struct fault *failed)
{
    struct track *track = (struct track *)owner;

    track->started = true;
    track->failed = failed ? *failed : (struct fault){0};
    look();
}

static void on_end(void *owner, const struct run_exit *end)
{
    struct track *track = (struct track *)owner;

    track->ended = true;
    track->end = *end;
    look();
}

static void track_grant(struct track *track, const char *args)
{
    char *word = NULL;
    char *rest = track->words;

    (void)snprintf(track->words, sizeof(track->words), "guest %s", args);
    while ((void)(word = strsep(&rest, " ")), word) {
        track->args[track->grant.args_count++] = word;
    }
    track->grant.args = track->args;
    if (!track->grant.cwd) {
        static char root[] = "/";

        track->grant.cwd = root;
    }
}

void track_new(struct track *track, const char *domain, const char *word, const char *name,
               const char *args)
{
    static const struct run_events events = {
        .on_ready = on_ready, .on_started = on_started, .on_exit = on_end};
    char text[TRACK_TEXT];
    char digest[80] = "sha256:";
    struct run_plan plan = {.domain = domain, .name = "test/run", .digest = digest, .netns = -1,
                            .pod = track->pod, .title = track->title};

    track_grant(track, args);
    plan.grant = &track->grant;
    track->output = -1;
    track->error = -1;
    if (name) {
        (void)snprintf(text, sizeof(text), "%s %s/%s%s%s", word, folder, name,
                       track->pod ? " " : "", track->pod ? LINKED : "");
    } else {
        (void)snprintf(text, sizeof(text), "%s", word);
    }
    digest_bytes(text, strlen(text), digest + 7);
    plan.wasm = fs_memory("wasm", text, strlen(text));
    assert_true(plan.wasm >= 0);
    assert_int_equal(run_new(supervisor, &plan, &events, track, &track->run), 0);
    assert_false(track->ready);
}

static struct run_stdio stdio_of(struct track *track)
{
    struct run_stdio stdio = {-1, -1, -1};
    int ends[2];

    until(&track->ready);
    assert_string_equal(track->failed.text, "");
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    track->output = ends[0];
    stdio.out = ends[1];
    if (track->pod) {
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        track->error = ends[0];
        stdio.err = ends[1];
    }
    return stdio;
}

void track_provide(struct track *track)
{
    struct run_stdio stdio = stdio_of(track);

    assert_int_equal(run_provide(track->run, &stdio, &why), 0);
}

void track_start(struct track *track)
{
    struct run_stdio stdio = stdio_of(track);

    assert_int_equal(run_start(track->run, &stdio, &why), 0);
    assert_false(track->started);
}

void track_through(struct track *track, const char *domain, const char *word, const char *args)
{
    track_new(track, domain, word, "through", args);
    track_start(track);
    until(&track->started);
    assert_string_equal(track->failed.text, "");
    until(&track->ended);
}

void track_free(struct track *track)
{
    track->run = run_free(track->run);
    track->output = fd_close(track->output);
    track->error = track->pod ? fd_close(track->error) : -1;
}

size_t compiled(const char *name)
{
    char path[TRACK_TEXT];
    struct stat file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return stat(path, &file) < 0 ? 0 : (size_t)file.st_size;
}

void output_of(struct track *track, char ret[TRACK_TEXT])
{
    ssize_t got = read(track->output, ret, TRACK_TEXT - 1);

    assert_true(got >= 0);
    ret[got] = '\0';
}

size_t open_descriptors(void)
{
    DIR *stream = opendir("/proc/self/fd");
    size_t count = 0;

    while (readdir(stream)) {
        count++;
    }
    (void)closedir(stream);
    return count;
}
