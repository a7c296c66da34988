/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep-bench-drive CONTROL EVENTS BUNDLES FIRST_PORT [--fifos]: plays containerd against a running
 * skepd for as many containers as there are bundles, without containerd. CONTROL is skepd's control
 * socket, EVENTS where skepd looks for containerd's event service, BUNDLES holds podN/config.json;
 * a server among them listens at FIRST_PORT + N and says podN.
 *
 * It obeys lines of stdin, and answers each by a line of NAME=VALUE:
 *   grow N        pods live up to number N
 *   probe ROUNDS  one more pod, begun and ended so many times
 *   ask           every pod over HTTP
 *   scrape ROUNDS the stats of every pod at once, so many times
 *   stats ROUNDS  the stats of one pod after the other, so many times
 *   shrink N      only N are left
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "test/bench/drive/ask.h"
#include "test/bench/drive/pod.h"
#include "test/bench/drive/samples.h"
#include "test/bench/drive/sink.h"

enum { PODS_MAX = 20001 };

static struct pod pods[PODS_MAX];
static struct pod_plan plan;
static unsigned first_port;
static unsigned live;

/* What was measured of pods that were begun. */
struct begun {
    struct samples announce;
    struct samples create;
    struct samples start;
    struct samples both;
};

static void begin_one(unsigned number, struct begun *begun)
{
    struct pod_times times;

    pod_begin(&pods[number], &plan, number, &times);
    samples_add(&begun->announce, times.announce_ns);
    samples_add(&begun->create, times.create_ns);
    samples_add(&begun->start, times.start_ns);
    samples_add(&begun->both, times.create_ns + times.start_ns);
}

static void begun_print(struct begun *begun)
{
    samples_print(&begun->announce, "announce");
    samples_print(&begun->create, "create");
    samples_print(&begun->start, "start");
    samples_print(&begun->both, "create_start");
    samples_fini(&begun->announce);
    samples_fini(&begun->create);
    samples_fini(&begun->start);
    samples_fini(&begun->both);
}

static void do_grow(unsigned wanted)
{
    struct begun begun = {0};

    while (live < wanted && live < PODS_MAX - 1) {
        begin_one(live, &begun);
        live++;
    }
    (void)printf("live=%u", live);
    begun_print(&begun);
}

static void do_probe(unsigned rounds)
{
    struct begun begun = {0};
    struct samples end = {0};

    for (unsigned i = 0; i < rounds; i++) {
        uint64_t since;

        begin_one(live, &begun);
        since = clock_now_ns();
        pod_end(&pods[live], live);
        samples_add(&end, clock_now_ns() - since);
    }
    (void)printf("live=%u rounds=%u", live, rounds);
    begun_print(&begun);
    samples_print(&end, "end");
    samples_fini(&end);
}

static void do_ask(unsigned unused)
{
    struct samples times = {0};
    unsigned answered = 0;
    char word[32];

    (void)unused;
    for (unsigned i = 0; i < live; i++) {
        uint64_t since = clock_now_ns();

        (void)snprintf(word, sizeof(word), "pod%u!", i);
        answered += ask((uint16_t)(first_port + i), word) ? 1 : 0;
        samples_add(&times, clock_now_ns() - since);
    }
    (void)printf("live=%u answered=%u", live, answered);
    samples_print(&times, "ask");
    samples_fini(&times);
}

/* As containerd's collector for Prometheus: all pods at once. */
static void do_scrape(unsigned rounds)
{
    struct samples times = {0};

    for (unsigned round = 0; round < rounds; round++) {
        uint64_t since = clock_now_ns();

        for (unsigned i = 0; i < live; i++) {
            pod_ask_stats(&pods[i], i);
        }
        for (unsigned i = 0; i < live; i++) {
            pod_take_stats(&pods[i]);
        }
        samples_add(&times, clock_now_ns() - since);
    }
    (void)printf("live=%u rounds=%u", live, rounds);
    samples_print(&times, "scrape");
    samples_fini(&times);
}

/* As containerd's own Metrics call: one pod after the other. */
static void do_stats(unsigned rounds)
{
    struct samples times = {0};

    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < live; i++) {
            uint64_t since = clock_now_ns();

            pod_ask_stats(&pods[i], i);
            pod_take_stats(&pods[i]);
            samples_add(&times, clock_now_ns() - since);
        }
    }
    (void)printf("live=%u rounds=%u", live, rounds);
    samples_print(&times, "stats");
    samples_fini(&times);
}

static void do_shrink(unsigned wanted)
{
    struct samples times = {0};

    while (live > wanted) {
        uint64_t since = clock_now_ns();

        live--;
        pod_end(&pods[live], live);
        samples_add(&times, clock_now_ns() - since);
    }
    (void)printf("live=%u events=%llu", live, (unsigned long long)sink_taken());
    samples_print(&times, "end");
    samples_fini(&times);
}

static const struct order {
    const char *name;
    void (*run)(unsigned number);
} orders[] = {{"grow", do_grow},
              {"probe", do_probe},
              {"ask", do_ask},
              {"scrape", do_scrape},
              {"stats", do_stats},
              {"shrink", do_shrink}};

static void obey(const char *line)
{
    char name[16] = "";
    unsigned number = 0;

    (void)sscanf(line, "%15s %u", name, &number);
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        if (strcmp(orders[i].name, name) == 0) {
            orders[i].run(number);
            (void)printf("\n");
            (void)fflush(stdout);
            return;
        }
    }
    die("no order %s", name);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    char line[64];

    if (argc < 5) {
        die("usage: skep-bench-drive CONTROL EVENTS BUNDLES FIRST_PORT [--fifos]");
    }
    plan = (struct pod_plan){argv[1], argv[3], argc > 5 && strcmp(argv[5], "--fifos") == 0};
    first_port = (unsigned)strtoul(argv[4], NULL, 10);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    sink_start(argv[2]);
    while (fgets(line, sizeof(line), stdin)) {
        obey(line);
    }
    return 0;
}
