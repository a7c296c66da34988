/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep-bench-load ADDRESS PORT PATH PER_SECOND fresh|kept: requests at that rate until SIGTERM or SIGINT, then how many
 * there were, which failed and how.
 * The rate is that of arrivals: a request that is due is sent whether or not others are answered. "fresh" gives each
 * a connection of its own. "kept" keeps connections, as a client with a pool does: it takes the one that
 * rested shortest, and asks again on a fresh one if a kept one is closed before it has answered anything (RFC 9110
 * 9.2.2); that is counted as asked again, not as failed. Whatever is not a whole answer with status 200 has failed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/text.h"

enum {
    ANSWER_MAX = 8 * 1024,
    OPEN_MAX = 16384,
    RATE_MAX = 100000,
    REASONS_MAX = 64,
    WORDS_MAX = 96,
    PATH_MAX_BYTES = 1024,
    TIMEOUT_S = 10,
    BUCKETS = 32, /* of latencies, a power of two of microseconds each */
};

struct peer {
    TAILQ_ENTRY(peer) link; /* in busy, oldest first, or in resting, newest first */
    struct load *load;
    struct loop_io *io;
    uint64_t due_ns;
    uint64_t sent_ns;
    size_t length;
    int fd;
    bool is_sent;
    bool rests;
    bool was_kept; /* has answered before */
    char answer[ANSWER_MAX];
};
TAILQ_HEAD(peers, peer);

struct reason {
    char words[WORDS_MAX];
    uint64_t count;
};

struct load {
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_signal *signals[2];
    struct sockaddr_in to;
    struct peers busy;
    struct peers resting;
    struct reason reasons[REASONS_MAX];
    uint64_t buckets[BUCKETS];
    uint64_t began_ns;
    uint64_t rate;
    uint64_t due;
    uint64_t ended;
    uint64_t failed;
    uint64_t again;
    uint64_t longest_ns;
    size_t open;
    bool keeps;
    bool is_over;
    char request[PATH_MAX_BYTES + 128];
};

static void peer_event(void *owner, unsigned events);

/* By a reset: at 500 a second, ports that rest for a minute after a close would be all there are. */
static void peer_free(own struct peer *peer)
{
    static const struct linger reset = {.l_onoff = 1};

    (void)loop_io_close(peer->io);
    (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    (void)fd_close(peer->fd);
    peer->load->open--;
    free(peer);
}

/* Reasons of one second are one. */
static void failure(struct load *load, const char *words)
{
    char full[WORDS_MAX];
    char at[16] = "";
    time_t now = time(NULL);
    struct tm parts;
    size_t i = 0;

    (void)strftime(at, sizeof(at), "%H:%M:%S", localtime_r(&now, &parts));
    (void)snprintf(full, sizeof(full), "%.70s at %s", words, at);
    while (i < REASONS_MAX - 1 && load->reasons[i].count != 0 &&
           strcmp(load->reasons[i].words, full) != 0) {
        i++;
    }
    (void)snprintf(load->reasons[i].words, WORDS_MAX, "%s", i < REASONS_MAX - 1 ? full : "others");
    load->reasons[i].count++;
    load->failed++;
}

static void over_if_done(struct load *load)
{
    if (load->is_over && TAILQ_EMPTY(&load->busy)) {
        loop_stop(load->loop);
    }
}

/* NULL: answered */
static void peer_end(own struct peer *peer, const char *words, bool may_rest)
{
    struct load *load = peer->load;
    uint64_t took = clock_now_ns() - peer->due_ns;
    unsigned bucket = 0;

    TAILQ_REMOVE(&load->busy, peer, link);
    load->ended++;
    if (words) {
        failure(load, words);
    } else {
        while (bucket < BUCKETS - 1 && took / 1000 >> bucket != 0) {
            bucket++;
        }
        load->buckets[bucket]++;
        load->longest_ns = took > load->longest_ns ? took : load->longest_ns;
    }
    if (!words && may_rest) {
        peer->was_kept = true;
        peer->rests = true;
        loop_io_want(peer->io, LOOP_READ);
        TAILQ_INSERT_HEAD(&load->resting, peer, link);
    } else {
        peer_free(peer);
    }
    over_if_done(load);
}

static struct peer *peer_dial(struct load *load)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct peer *peer = NULL;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (const struct sockaddr *)&load->to, sizeof(load->to)) < 0 &&
        errno != EINPROGRESS) {
        (void)fd_close(fd);
        return NULL;
    }
    peer = NEW(struct peer);
    peer->load = load;
    peer->fd = fd;
    peer->io = loop_watch(load->loop, fd, LOOP_WRITE, peer_event, peer);
    load->open++;
    return peer;
}

static void ask(struct load *load, uint64_t due_ns, bool anew)
{
    struct peer *peer = anew ? NULL : TAILQ_FIRST(&load->resting);

    if (peer) {
        TAILQ_REMOVE(&load->resting, peer, link);
    } else {
        peer = load->open < OPEN_MAX ? peer_dial(load) : NULL;
    }
    if (!peer) {
        load->ended++;
        failure(load, load->open < OPEN_MAX ? strerror(errno) : "too many connections are open");
        return;
    }
    peer->due_ns = due_ns;
    peer->sent_ns = clock_now_ns();
    peer->is_sent = false;
    peer->rests = false;
    peer->length = 0;
    loop_io_want(peer->io, LOOP_WRITE);
    TAILQ_INSERT_TAIL(&load->busy, peer, link);
}

/* A kept connection that its server has closed meanwhile says nothing of the server. */
static void peer_broken(struct peer *peer, const char *words)
{
    struct load *load = peer->load;

    if (peer->was_kept && peer->length == 0) {
        load->again++;
        TAILQ_REMOVE(&load->busy, peer, link);
        ask(load, peer->due_ns, true);
        peer_free(peer);
    } else {
        peer_end(peer, words, false);
    }
}

static void peer_send(struct peer *peer)
{
    size_t size = strlen(peer->load->request);
    int err = 0;
    socklen_t length = sizeof(err);

    (void)getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &err, &length);
    if (err == 0 && send(peer->fd, peer->load->request, size, MSG_NOSIGNAL) != (ssize_t)size) {
        err = errno;
    }
    if (err != 0) {
        peer_broken(peer, strerror(err));
        return;
    }
    peer->is_sent = true;
    loop_io_want(peer->io, LOOP_READ);
}

enum whole { PARTIAL, WHOLE, UNTIL_CLOSED };

static enum whole answer_is_whole(const char *text, size_t length)
{
    const char *body = strstr(text, "\r\n\r\n");
    const char *said = strcasestr(text, "\r\ncontent-length:");

    if (!body) {
        return PARTIAL;
    }
    body += 4;
    if (said && said < body) {
        size_t size = strtoul(said + strlen("\r\ncontent-length:"), NULL, 10);

        return (size_t)(text + length - body) >= size ? WHOLE : PARTIAL;
    }
    said = strcasestr(text, "\r\ntransfer-encoding: chunked");
    if (said && said < body) {
        return memcmp(text + length - 5, "0\r\n\r\n", 5) == 0 ? WHOLE : PARTIAL;
    }
    return UNTIL_CLOSED;
}

static void peer_answered(struct peer *peer)
{
    bool closes = strcasestr(peer->answer, "\r\nconnection: close");
    char words[32];

    if (strncmp(peer->answer, "HTTP/1.1 200", 12) == 0) {
        peer_end(peer, NULL, peer->load->keeps && !closes);
        return;
    }
    (void)snprintf(words, sizeof(words), "status %.3s", peer->length > 12 ? peer->answer + 9 : "?");
    peer_end(peer, words, false);
}

static void peer_read(struct peer *peer)
{
    ssize_t got = recv(peer->fd, peer->answer + peer->length, ANSWER_MAX - 1 - peer->length, 0);
    enum whole whole;

    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got < 0) {
        peer_broken(peer, strerror(errno));
        return;
    }
    peer->length += (size_t)got;
    peer->answer[peer->length] = '\0';
    whole = answer_is_whole(peer->answer, peer->length);
    if (whole == WHOLE || (whole == UNTIL_CLOSED && got == 0)) {
        peer_answered(peer);
    } else if (got == 0) {
        peer_broken(peer, "closed before its answer was whole");
    } else if (peer->length == ANSWER_MAX - 1) {
        peer_end(peer, "an answer of more than 8 KiB", false);
    }
}

static void peer_event(void *owner, UNUSED unsigned events)
{
    struct peer *peer = owner;

    if (peer->rests) {
        TAILQ_REMOVE(&peer->load->resting, peer, link);
        peer_free(peer);
    } else if (!peer->is_sent) {
        peer_send(peer);
    } else {
        peer_read(peer);
    }
}

static void tick(void *owner)
{
    struct load *load = owner;
    uint64_t now = clock_now_ns();
    struct peer *oldest = NULL;

    while ((oldest = TAILQ_FIRST(&load->busy)) && now - oldest->sent_ns > TIMEOUT_S * NS_PER_S) {
        peer_end(oldest, oldest->is_sent ? "no answer in 10 s" : "no connection in 10 s", false);
    }
    while (!load->is_over && load->due * NS_PER_S / load->rate <= now - load->began_ns) {
        ask(load, load->began_ns + load->due * NS_PER_S / load->rate, !load->keeps);
        load->due++;
    }
    loop_timer_set(load->timer, NS_PER_MS);
}

static void stop(void *owner)
{
    struct load *load = owner;

    load->is_over = true;
    over_if_done(load);
}

/* The least power of two of microseconds that so many thousandths of the answers did not exceed. */
static double within_ms(const struct load *load, uint64_t thousandths)
{
    uint64_t answered = load->ended - load->failed;
    uint64_t seen = 0;
    unsigned i = 0;

    for (; i < BUCKETS - 1; i++) {
        seen += load->buckets[i];
        if (seen * 1000 >= answered * thousandths) {
            break;
        }
    }
    return (double)(1ULL << i) / 1000.0;
}

static void report(const struct load *load)
{
    double seconds = (double)(clock_now_ns() - load->began_ns) / 1e9;

    (void)printf("%llu requests, %llu failed, %llu asked again; %.0f a second, half within %.1f ms, 99 %% within "
                 "%.1f ms, all within %.0f ms\n",
                 (unsigned long long)load->ended, (unsigned long long)load->failed,
                 (unsigned long long)load->again, (double)load->ended / seconds,
                 within_ms(load, 500), within_ms(load, 990), (double)load->longest_ns / 1e6);
    for (size_t i = 0; i < REASONS_MAX && load->reasons[i].count != 0; i++) {
        (void)printf("%llu x %s\n", (unsigned long long)load->reasons[i].count,
                     load->reasons[i].words);
    }
}

static int plan_read(int argc, char **argv, struct load *ret)
{
    uint64_t port = 0;

    if (argc != 6 || inet_pton(AF_INET, argv[1], &ret->to.sin_addr) != 1 ||
        !text_to_u64(text_of(argv[2]), 1, UINT16_MAX, &port) || argv[3][0] != '/' ||
        strlen(argv[3]) > PATH_MAX_BYTES ||
        !text_to_u64(text_of(argv[4]), 1, RATE_MAX, &ret->rate)) {
        return -1;
    }
    ret->to.sin_family = AF_INET;
    ret->to.sin_port = htons((uint16_t)port);
    ret->keeps = strcmp(argv[5], "kept") == 0;
    (void)snprintf(ret->request, sizeof(ret->request), "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", argv[3],
                   argv[1], ret->keeps ? "" : "Connection: close\r\n");
    return ret->keeps || strcmp(argv[5], "fresh") == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct load load;
    struct rlimit files = {OPEN_MAX + 64, OPEN_MAX + 64};
    struct fault why = {0};

    if (plan_read(argc, argv, &load) < 0) {
        (void)fputs("usage: skep-bench-load ADDRESS PORT PATH PER_SECOND fresh|kept\n", stderr);
        return 2;
    }
    if (loop_new(&load.loop, &why) < 0) {
        (void)fprintf(stderr, "load: %s\n", why.text);
        return 1;
    }
    (void)setrlimit(RLIMIT_NOFILE, &files);
    TAILQ_INIT(&load.busy);
    TAILQ_INIT(&load.resting);
    load.timer = loop_timer_new(load.loop, tick, &load);
    load.began_ns = clock_now_ns();
    load.signals[0] = loop_signal_new(load.loop, SIGTERM, stop, &load);
    load.signals[1] = loop_signal_new(load.loop, SIGINT, stop, &load);
    tick(&load);
    loop_run(load.loop);
    report(&load);
    return 0;
}
