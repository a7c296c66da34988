/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep-bench-light PORT PER_SECOND COUNT kept|fresh: one light client of a server on the loopback.
 *
 * Sends so many requests a second, on one connection or a fresh one each, one after the other, and
 * prints what each took from when it was due to its last byte in, in nanoseconds, a line each.
 * It stands for a caller on another machine, so it must not wait for a processor here: its priority
 * is a real-time one, and it says so on stderr where it cannot have that.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_S = 1000000000, ANSWER_MAX = 64 * 1024, COUNT_MAX = 100000, ROUND = 64 };

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
    const struct timespec at = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

static void stand_apart(void)
{
    const struct sched_param least = {.sched_priority = 1};

    if (sched_setscheduler(0, SCHED_FIFO, &least) < 0 || mlockall(MCL_CURRENT) < 0) {
        (void)fprintf(stderr, "light: no real-time priority (%s): what it waits counts too\n",
                      strerror(errno));
    }
}

static int dial(uint16_t port)
{
    const struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
        perror("light: connect");
        exit(1);
    }
    return fd;
}

/* Whether @text is a whole answer: of a known length, or in chunks with the last one there. */
static int is_whole(const char *text, size_t length)
{
    const char *body = strstr(text, "\r\n\r\n");
    const char *said = strcasestr(text, "\r\ncontent-length:");

    if (!body) {
        return 0;
    }
    body += 4;
    if (said && said < body) {
        return (size_t)(text + length - body) >= strtoul(said + strlen("\r\ncontent-length:"), NULL, 10);
    }
    return length >= 5 && memcmp(text + length - 5, "0\r\n\r\n", 5) == 0;
}

static void ask(int fd, int kept)
{
    static char answer[ANSWER_MAX];
    char request[128];
    size_t length = 0;
    int size = snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: light\r\n%s\r\n",
                        kept ? "" : "Connection: close\r\n");

    if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size) {
        perror("light: send");
        exit(1);
    }
    do {
        ssize_t got = recv(fd, answer + length, sizeof(answer) - 1 - length, 0);

        if (got <= 0) {
            (void)fprintf(stderr, "light: the answer ended after %zu bytes\n", length);
            exit(1);
        }
        length += (size_t)got;
        answer[length] = '\0';
    } while (!is_whole(answer, length));
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0) {
        (void)fprintf(stderr, "light: answered with %.40s\n", answer);
        exit(1);
    }
}

struct plan {
    uint16_t port;
    uint64_t rate;
    size_t count;
    int kept;
};

static void measure(const struct plan *plan, uint64_t *ret_took)
{
    int fd = plan->kept ? dial(plan->port) : -1;
    uint64_t next;

    stand_apart();
    next = now_ns();
    for (size_t i = 0; i < plan->count; i++) {
        /* Not in step with any clock of the server's. */
        next += NS_PER_S / plan->rate * (ROUND / 2 + i * 37 % ROUND) / ROUND;
        sleep_until(next);
        fd = plan->kept ? fd : dial(plan->port);
        ask(fd, plan->kept);
        ret_took[i] = now_ns() - next;
        if (!plan->kept) {
            (void)close(fd);
        }
    }
}

static int plan_read(int argc, char **argv, struct plan *ret)
{
    if (argc != 5) {
        return -1;
    }
    ret->port = (uint16_t)strtoul(argv[1], NULL, 10);
    ret->rate = strtoull(argv[2], NULL, 10);
    ret->count = strtoul(argv[3], NULL, 10);
    ret->kept = strcmp(argv[4], "kept") == 0;
    return ret->rate > 0 && ret->rate <= NS_PER_S && ret->count > 0 && ret->count <= COUNT_MAX
               ? 0
               : -1;
}

int main(int argc, char **argv)
{
    static uint64_t took[COUNT_MAX];
    struct plan plan;

    if (plan_read(argc, argv, &plan) < 0) {
        (void)fputs("usage: skep-bench-light PORT PER_SECOND COUNT kept|fresh\n", stderr);
        return 2;
    }
    measure(&plan, took);
    for (size_t i = 0; i < plan.count; i++) {
        (void)printf("%llu\n", (unsigned long long)took[i]);
    }
    return 0;
}
