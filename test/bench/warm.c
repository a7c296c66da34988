/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warm STARTER.cwasm SLEEPER.cwasm LIVE ROUNDS: how long warm starts take in the engine that
 * ships, behind the walls of a worker, beside LIVE sleeping commands: a line of JSON.
 *
 * A start is a store, its instance and its call, as every command and every request makes them;
 * an end is the store's. Both are timed inside, on an engine thread, one turn each.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "runtime/engine/engine.h"
#include "runtime/sandbox/notify.h"
#include "runtime/sandbox/sandbox.h"

enum { STARTER = 3, SLEEPER, FDS, LIVE_MAX = 11000, ROUNDS_MAX = 100000, WARM_UP = 200 };

void engine_test_time_starts(size_t count, uint64_t *ret_ns);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct engine_exit last;
static unsigned ended;
static struct engine_counters counters; /* of all tasks */

static void on_exit_of(void *owner, const struct engine_exit *end)
{
    (void)owner;
    (void)pthread_mutex_lock(&lock);
    last = *end;
    ended++;
    (void)pthread_cond_signal(&changed);
    (void)pthread_mutex_unlock(&lock);
}

static void must(bool good, const char *what, const char *why)
{
    if (!good) {
        (void)fprintf(stderr, "warm: %s: %s\n", what, why);
        exit(1);
    }
}

static struct engine_component *load(struct engine *engine, int fd)
{
    struct engine_component *component = NULL;
    struct engine_component_info info;
    struct engine_why why = {0};

    must(engine_component_load(engine, fd, &info, &component, &why) == 0, "load", why.text);
    return component;
}

static void start(struct engine_component *component, const char *const *args, size_t count,
                  struct engine_task **ret)
{
    const struct engine_watcher watcher = {.on_exit = on_exit_of};
    const struct engine_grant grant = {
        .name = "warm", .args = args, .arg_count = count,
        .input = -1, .output = -1, .error = -1, .listener = -1, .counters = &counters,
    };
    struct engine_why why = {0};

    must(engine_task_start(component, &grant, &watcher, ret, &why) == 0, "start", why.text);
}

static void run_timed(struct engine_component *component, size_t rounds, uint64_t *ret_ns)
{
    static const char *const args[] = {"starter"};
    struct engine_task *task = NULL;
    unsigned before = 0;

    (void)pthread_mutex_lock(&lock);
    before = ended;
    engine_test_time_starts(rounds, ret_ns);
    start(component, args, ARRAY_SIZE(args), &task);
    while (ended == before) {
        (void)pthread_cond_wait(&changed, &lock);
    }
    must(last.how == ENGINE_EXITED && last.code == 0, "the starter", last.text);
    (void)pthread_mutex_unlock(&lock);
    (void)engine_task_free(task);
}

static int in_order(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static double at(uint64_t *ns, size_t count, size_t permille)
{
    qsort(ns, count, sizeof(*ns), in_order);
    return (double)ns[(count - 1) * permille / 1000] / 1000;
}

static void open_as(const char *path, int number)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    must(fd >= 0, path, strerror(errno));
    if (fd != number) {
        must(dup2(fd, number) == number, path, strerror(errno));
        (void)close(fd);
    }
}

int main(int argc, char **argv)
{
    static const char *const sleep_args[] = {"hello", "sleep", "86400"};
    static struct engine_task *sleepers[LIVE_MAX];
    static uint64_t ns[2 * ROUNDS_MAX];
    const struct sandbox_options options = {.fds_kept = FDS, .accepted = SANDBOX_ACCEPT_ALL};
    struct engine_options size = {.instances = LIVE_MAX + 100};
    struct engine *engine = NULL;
    struct engine_component *starter = NULL;
    struct engine_component *sleeper = NULL;
    struct sandbox sandbox = {0};
    struct engine_why reason = {0};
    struct fault why = {0};
    size_t live = 0;
    size_t rounds = 0;
    int listener = -1;

    must(argc == 5, "usage", "warm STARTER.cwasm SLEEPER.cwasm LIVE ROUNDS");
    live = strtoul(argv[3], NULL, 10);
    rounds = strtoul(argv[4], NULL, 10);
    must(live <= LIVE_MAX && rounds > 0 && rounds <= ROUNDS_MAX, "usage", "numbers out of range");
    open_as(argv[1], STARTER);
    open_as(argv[2], SLEEPER);
    must(sandbox_enter_early(SANDBOX_WORKER, &options, &sandbox, &why) == 0, "walls", why.text);
    must(notify_sockets(&sandbox, &listener, &why) == 0, "walls", why.text);
    must(engine_new(&size, &engine, &reason) == 0, "engine", reason.text);
    starter = load(engine, STARTER);
    sleeper = load(engine, SLEEPER);
    must(sandbox_enter_late(&sandbox, &why) == 0, "walls", why.text);
    for (size_t i = 0; i < live; i++) {
        start(sleeper, sleep_args, ARRAY_SIZE(sleep_args), &sleepers[i]);
    }
    while (__atomic_load_n(&counters.instances, __ATOMIC_RELAXED) < live) {
        (void)poll(NULL, 0, 10);
    }
    (void)poll(NULL, 0, 500); /* all have come to their sleep */
    run_timed(starter, WARM_UP, ns);
    run_timed(starter, rounds, ns);
    must(ended == 2, "a sleeper has ended", last.text);
    (void)printf("{\"live\": %zu, \"rounds\": %zu, \"threads\": %ld, \"start_us\": %.2f, "
                 "\"start_us_p99\": %.2f, \"end_us\": %.2f, \"end_us_p99\": %.2f, "
                 "\"missing_walls\": \"%s\"}\n",
                 live, rounds, sysconf(_SC_NPROCESSORS_ONLN), at(ns, rounds, 500),
                 at(ns, rounds, 990), at(ns + rounds, rounds, 500), at(ns + rounds, rounds, 990),
                 sandbox.missing);
    (void)fflush(stdout);
    _exit(0); /* what sleeps goes with it */
}
