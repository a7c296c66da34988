/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One engine for a whole test program: making one reserves terabytes of addresses, so a
 * test gets the same one again. Waiting is on a condition with a deadline, or by looking
 * again on what has no event.
 */
#include "test/unit/engine/house.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { GUESTS_MAX = 16 };

static const int faults[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS};
static struct sigaction of_engine[ARRAY_SIZE(faults)];
static struct engine *engine;
static atomic_uint errors;
static struct {
    char name[32];
    struct engine_component *component;
} guests[GUESTS_MAX];

static void log_line(void *owner, enum engine_log_level level, const char *text)
{
    (void)owner;
    if (level == ENGINE_LOG_ERROR) {
        (void)atomic_fetch_add(&errors, 1U);
    } else if (level == ENGINE_LOG_WARN) {
        (void)fprintf(stderr, "engine: %s\n", text);
    }
}

unsigned house_errors(void)
{
    return atomic_load(&errors);
}

struct engine *house_engine(void)
{
    return engine;
}

int house_open(void **state)
{
    const struct engine_options options = {
        .threads = 2,
        .instances = HOUSE_INSTANCES,
        .log = log_line,
    };
    struct engine_why why = {0};

    (void)state;
    if (engine_new(&options, &engine, &why) < 0) {
        (void)fprintf(stderr, "no engine: %s\n", why.text);
        return -1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        (void)sigaction(faults[i], NULL, &of_engine[i]);
    }
    return 0;
}

/* cmocka puts handlers of its own over the engine's before each test, and traps are signals. */
static void give_signals_back(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        (void)sigaction(faults[i], &of_engine[i], NULL);
    }
}

int house_close(void **state)
{
    (void)state;
    for (size_t i = 0; i < GUESTS_MAX; i++) {
        guests[i].component = engine_component_free(guests[i].component);
    }
    engine = engine_free(engine);
    return 0;
}

int house_cwasm(const char *name)
{
    const char *folder = getenv("SKEP_TEST_GUESTS");
    char path[4096];
    int fd = -1;

    (void)snprintf(path, sizeof(path), "%s/%s.cwasm", folder != NULL ? folder : ".", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fail_msg("open %s: %s", path, strerror(errno));
    }
    return fd;
}

struct engine_component *house_guest(const char *name)
{
    struct engine_component_info info;
    struct engine_why why = {0};
    size_t at = 0;
    int cwasm = -1;

    for (at = 0; at < GUESTS_MAX && guests[at].component != NULL; at++) {
        if (strcmp(guests[at].name, name) == 0) {
            return guests[at].component;
        }
    }
    assert_true(at < GUESTS_MAX);
    cwasm = house_cwasm(name);
    if (engine_component_load(engine, cwasm, &info, &guests[at].component, &why) < 0) {
        fail_msg("load %s: %s", name, why.text);
    }
    (void)close(cwasm);
    (void)snprintf(guests[at].name, sizeof(guests[at].name), "%s", name);
    return guests[at].component;
}

void house_prepare(struct house_task *task, const char *const *args)
{
    int out[2];
    int err[2];

    memset(task, 0, sizeof(*task));
    assert_int_equal(pthread_mutex_init(&task->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&task->changed, NULL), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    task->output = out[0];
    task->error = err[0];
    while (args != NULL && args[task->grant.arg_count] != NULL) {
        task->grant.arg_count++;
    }
    task->grant.args = args;
    task->grant.name = "guest";
    task->grant.input = -1;
    task->grant.output = out[1];
    task->grant.error = err[1];
    task->grant.listener = -1;
    task->grant.counters = &task->counters;
    task->grant.latency = &task->latency;
}

void house_listen(struct house_task *task)
{
    struct sockaddr_in here = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof(here);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&here, sizeof(here)), 0);
    assert_int_equal(listen(fd, 128), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &length), 0);
    task->grant.listener = fd;
    task->port = ntohs(here.sin_port);
}

static void on_exit_of(void *owner, const struct engine_exit *end)
{
    struct house_task *task = owner;

    (void)pthread_mutex_lock(&task->lock);
    task->end = *end;
    task->endings++;
    (void)pthread_cond_broadcast(&task->changed);
    (void)pthread_mutex_unlock(&task->lock);
}

void house_prepare_server(struct house_task *task)
{
    house_prepare(task, NULL);
    house_listen(task);
}

void house_start(struct house_task *task, const char *guest)
{
    const struct engine_watcher watcher = {.on_exit = on_exit_of, .owner = task};
    struct engine_why why = {0};

    give_signals_back();
    if (engine_task_start(house_guest(guest), &task->grant, &watcher, &task->task, &why) < 0) {
        fail_msg("start %s: %s", guest, why.text);
    }
}

const struct engine_exit *house_wait(struct house_task *task)
{
    struct timespec until;
    int result = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HOUSE_PATIENCE_S;
    (void)pthread_mutex_lock(&task->lock);
    while (task->endings == 0 && result == 0) {
        result = pthread_cond_timedwait(&task->changed, &task->lock, &until);
    }
    (void)pthread_mutex_unlock(&task->lock);
    if (result != 0) {
        fail_msg("no ending was reported");
    }
    assert_int_equal(task->endings, 1);
    return &task->end;
}

const char *house_read(int fd)
{
    static char text[HOUSE_TEXT_MAX];
    size_t length = 0;

    while (length + 1 < sizeof(text)) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        ssize_t got = 0;

        assert_int_equal(poll(&one, 1, HOUSE_PATIENCE_S * 1000), 1);
        got = read(fd, text + length, sizeof(text) - 1 - length);
        assert_true(got >= 0);
        if (got == 0) {
            break;
        }
        length += (size_t)got;
    }
    text[length] = '\0';
    return text;
}

int house_send(uint16_t port, const char *request)
{
    const struct sockaddr_in there = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const struct timeval patience = {.tv_sec = HOUSE_PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&there, sizeof(there)), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return fd;
}

int house_send_get(uint16_t port, const char *path)
{
    char request[1024];

    (void)snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", path);
    return house_send(port, request);
}

void house_receive(int connection, struct house_answer *answer)
{
    size_t length = 0;
    const char *end = NULL;

    while (length + 1 < sizeof(answer->text)) {
        ssize_t got = recv(connection, answer->text + length, sizeof(answer->text) - 1 - length, 0);

        if (got <= 0) {
            break;
        }
        length += (size_t)got;
    }
    answer->text[length] = '\0';
    answer->status = 0;
    if (strncmp(answer->text, "HTTP/1.1 ", 9) == 0) {
        answer->status = (int)strtol(answer->text + 9, NULL, 10);
    }
    end = strstr(answer->text, "\r\n\r\n");
    answer->body = end != NULL ? end + 4 : "";
    (void)close(connection);
}

void house_get(uint16_t port, const char *path, struct house_answer *answer)
{
    house_receive(house_send_get(port, path), answer);
}

static uint64_t requests_timed(const struct house_task *task)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < ENGINE_LATENCY_BUCKETS; i++) {
        sum += task->latency.buckets[i];
    }
    return sum;
}

void house_done(struct house_task *task)
{
    task->task = engine_task_free(task->task);
    (void)close(task->output);
    (void)close(task->error);
    (void)pthread_cond_destroy(&task->changed);
    (void)pthread_mutex_destroy(&task->lock);
    /* What is counted as held must be given back. */
    assert_int_equal(task->counters.instances, 0);
    assert_int_equal(task->counters.memory_bytes, 0);
    assert_int_equal(task->counters.in_flight, 0);
    assert_int_equal(requests_timed(task), task->counters.requests);
}

void house_stop(struct house_task *task)
{
    engine_task_drain(task->task, 0);
    assert_int_equal(house_wait(task)->how, ENGINE_STOPPED);
    house_done(task);
}

uint64_t house_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void house_await(bool (*fact)(void *of), void *of, const char *what)
{
    const uint64_t until = house_now_ns() + HOUSE_PATIENCE_S * UINT64_C(1000000000);

    while (!fact(of)) {
        if (house_now_ns() > until) {
            fail_msg("waited in vain: %s", what);
        }
        (void)poll(NULL, 0, 1);
    }
}

bool house_has_instances(void *of)
{
    const struct house_task *task = of;

    return __atomic_load_n(&task->counters.instances, __ATOMIC_RELAXED) > 0;
}
