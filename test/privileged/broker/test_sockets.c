/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that share addresses, and a captured worker: a child within the filter and its walls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "runtime/broker/netns.h"
#include "runtime/broker/sockets.h"
#include "runtime/sandbox/notify.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/stats/switchboard.h"

enum { PODS = 2, THREADS = 8, TURNS = 25000, CONNECT_EACH = 64 };

static const struct request_rate plenty = {.rate = 10000000, .burst = 10000000};

struct pod {
    struct netns *netns;
    int server;
    uint64_t cookie;
};

/* A worker as the supervisor has it. */
struct scene {
    struct pod pods[PODS];
    struct sockets *sockets;
    struct sockets_worker *worker;
    struct switchboard *board;
    uint32_t ids[PODS];
    int pair[2];
    int child;
};

/* What the child's script knows. */
struct script {
    uint32_t *slots;
    uint32_t ids[PODS];
    uint64_t cookies[PODS];
};

typedef int script_fn(const struct script *script);

static struct fault why;

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);

    (void)getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length);
    return cookie;
}

static struct sockaddr_in the_address(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(80),
                                .sin_addr.s_addr = htonl(0x0a000001)};
}

/* A namespace that has 10.0.0.1 and serves port 80 there. */
static void pod_begin(struct pod *pod)
{
    AUTO(netns_leave) int home = -1;
    struct sockaddr_in at = the_address();
    struct ifreq request = {.ifr_name = "lo"};

    assert_int_equal(netns_new(&pod->netns, &why), 0);
    assert_int_equal(netns_enter(netns_descriptor(pod->netns), &home, &why), 0);
    pod->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(&request.ifr_addr, &at, sizeof(at));
    assert_int_equal(ioctl(pod->server, SIOCSIFADDR, &request), 0);
    assert_int_equal(bind(pod->server, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(pod->server, 4096), 0);
    pod->cookie = cookie_of(pod->server);
}

static int be_worker(int supervisor, const struct script *script, script_fn *run)
{
    const struct sandbox_options options = {.uid = sandbox_user(SANDBOX_WORKER)};
    struct sandbox sandbox = {0};
    int listener = -1;
    char byte;

    if (sandbox_enter_early(SANDBOX_WORKER, &options, &sandbox, &why) < 0 ||
        notify_sockets(&sandbox, &listener, &why) < 0 ||
        sandbox_enter_late(&sandbox, &why) < 0) {
        (void)fprintf(stderr, "%s\n", why.text);
        return 101;
    }
    if (fd_send(supervisor, "l", 1, &listener, 1) < 0) {
        return 102;
    }
    (void)fd_close(listener);
    return read(supervisor, &byte, 1) == 1 ? run(script) : 103;
}

/* Starts a worker with both pods' networks; it waits for scene_go(). */
static void scene_begin(struct scene *scene, const struct sockets_options *options, script_fn *run)
{
    struct script script = {0};
    char byte;
    int listener = -1;
    size_t count = 1;

    *scene = (struct scene){0};
    for (int i = 0; i < PODS; i++) {
        pod_begin(&scene->pods[i]);
        scene->ids[i] = script.ids[i] = (uint32_t)i + 1;
        script.cookies[i] = scene->pods[i].cookie;
    }
    assert_int_equal(switchboard_new(&scene->board, &why), 0);
    script.slots = switchboard_slots(scene->board);
    assert_int_equal(fd_pair(scene->pair), 0);
    scene->child = fork();
    if (scene->child == 0) {
        (void)fd_close(scene->pair[0]);
        _exit(be_worker(scene->pair[1], &script, run));
    }
    scene->pair[1] = fd_close(scene->pair[1]);
    assert_int_equal(fd_receive(scene->pair[0], &byte, 1, &listener, &count), 1);
    assert_int_equal(count, 1);
    assert_int_equal(sockets_new(options, &scene->sockets, &why), 0);
    assert_int_equal(sockets_admit(scene->sockets, listener, scene->board, &scene->worker, &why),
                     0);
    for (int i = 0; i < PODS; i++) {
        uint32_t id = 0;

        assert_int_equal(
            sockets_grant(scene->worker, netns_descriptor(scene->pods[i].netns), &id, &why), 0);
        assert_int_equal(id, scene->ids[i]);
    }
}

static void scene_go(struct scene *scene)
{
    assert_int_equal(fd_send(scene->pair[0], "g", 1, NULL, 0), 0);
}

static int scene_wait(struct scene *scene)
{
    int status = 0;

    assert_int_equal(waitpid(scene->child, &status, 0), scene->child);
    return status;
}

static void scene_end(struct scene *scene)
{
    scene->worker = sockets_dismiss(scene->worker);
    scene->sockets = sockets_free(scene->sockets);
    scene->board = switchboard_free(scene->board);
    for (int i = 0; i < PODS; i++) {
        (void)fd_close(scene->pods[i].server);
        scene->pods[i].netns = netns_free(scene->pods[i].netns);
    }
    (void)fd_close(scene->pair[0]);
}

/* Reached only by the server of the socket's own namespace: each counts what came to it. */
static bool reaches(int fd)
{
    const struct sockaddr_in to = the_address();

    return connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
}

static void *ask_for_many(void *argument)
{
    const struct script *script = (const struct script *)argument;
    uint32_t *slot = &script->slots[gettid()];
    uintptr_t wrong = 0;

    for (unsigned i = 0; i < TURNS; i++) {
        unsigned pod = (i ^ (unsigned)gettid()) % PODS;
        int fd;

        __atomic_store_n(slot, script->ids[pod], __ATOMIC_RELEASE);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || cookie_of(fd) != script->cookies[pod] ||
            (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0 || (i % CONNECT_EACH == 0 && !reaches(fd))) {
            wrong++;
        }
        (void)fd_close(fd);
    }
    __atomic_store_n(slot, 0, __ATOMIC_RELEASE);
    return (void *)wrong; /* NOLINT: a number, not an address */
}

static int many_threads(const struct script *script)
{
    pthread_t threads[THREADS];
    bool right = true;

    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, ask_for_many, (void *)(uintptr_t)script) != 0) {
            return 104;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        void *wrong = NULL;

        (void)pthread_join(threads[i], &wrong);
        right = right && !wrong;
    }
    return right ? 0 : 1;
}

static void no_socket_of_many_is_in_the_wrong_pod(void **state)
{
    const struct sockets_options options = {
        .user = sandbox_user(SANDBOX_WORKER), .network = plenty, .worker = plenty};
    struct sockets_counts counts;
    struct scene scene;
    uint64_t began;

    (void)state;
    scene_begin(&scene, &options, many_threads);
    began = clock_now_ns();
    scene_go(&scene);
    assert_int_equal(scene_wait(&scene), 0);
    scene.worker = sockets_dismiss(scene.worker); /* waits for what is still being counted */
    sockets_read_counts(scene.sockets, &counts);
    print_message("%d sockets from %d threads: %llu ms\n", THREADS * TURNS, THREADS,
                  (unsigned long long)((clock_now_ns() - began) / NS_PER_MS));
    assert_int_equal(counts.served, THREADS * TURNS);
    assert_int_equal(counts.refused, 0);
    scene_end(&scene);
}

/* Return: 0 when socket(2) fails with @err. */
static int fails_with(int err, long domain, long type, long protocol)
{
    errno = 0;
    if (syscall(SYS_socket, domain, type, protocol) == -1 && errno == err) {
        return 0;
    }
    (void)fprintf(stderr, "socket(%ld, %ld, %ld): %s in place of %s\n", domain, type, protocol,
                  strerrorname_np(errno), strerrorname_np(err));
    return 1;
}

static int ask_for_what_is_not_ours(const struct script *script)
{
    uint32_t *slot = &script->slots[gettid()];
    struct stat about = {0};
    int wrong = fails_with(EPERM, AF_INET, SOCK_STREAM, 0); /* for nobody */
    int fd;

    *slot = 77;
    wrong += fails_with(EPERM, AF_INET, SOCK_STREAM, 0);
    *slot = UINT32_MAX;
    wrong += fails_with(EPERM, AF_INET, SOCK_STREAM, 0);
    *slot = script->ids[0];
    wrong += fails_with(EPROTONOSUPPORT, AF_INET, SOCK_RAW, IPPROTO_ICMP);
    wrong += fails_with(EPROTONOSUPPORT, AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    wrong += fails_with(EPROTONOSUPPORT, AF_INET, SOCK_STREAM, 262);
    wrong += fails_with(EAFNOSUPPORT, AF_NETLINK, SOCK_RAW, 0);
    wrong += fails_with(EAFNOSUPPORT, AF_PACKET, SOCK_RAW, 0);
    wrong += fails_with(EAFNOSUPPORT, AF_UNIX, SOCK_STREAM, 0);
    wrong += fails_with(EAFNOSUPPORT, AF_VSOCK, SOCK_STREAM, 0);
    wrong += fails_with(EAFNOSUPPORT, AF_INET | 1L << 32, SOCK_STREAM, 0);
    wrong += fails_with(EINVAL, AF_INET, SOCK_STREAM | 0x10000, 0);
    wrong += socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0, 0}) == 0;
    fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    wrong += fd < 0 || (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
    wrong += fstat(fd, &about) < 0 || about.st_uid != sandbox_user(SANDBOX_WORKER);
    return wrong;
}

static void a_captured_worker_gets_only_its_own_tcp_and_udp(void **state)
{
    const struct sockets_options options = {.user = sandbox_user(SANDBOX_WORKER)};
    struct scene scene;

    (void)state;
    scene_begin(&scene, &options, ask_for_what_is_not_ours);
    scene_go(&scene);
    assert_int_equal(scene_wait(&scene), 0);
    scene_end(&scene);
}

static int ask_until_refused(const struct script *script)
{
    int got = 0;
    int fd;

    script->slots[gettid()] = script->ids[0];
    while ((void)(fd = socket(AF_INET, SOCK_STREAM, 0)), fd >= 0) {
        (void)fd_close(fd);
        got++;
    }
    if (errno != EMFILE) {
        return 111;
    }
    script->slots[gettid()] = script->ids[1]; /* the neighbour has its own */
    fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? 112 : got;
}

static void a_network_that_asks_too_often_is_refused_alone(void **state)
{
    const struct sockets_options options = {.user = sandbox_user(SANDBOX_WORKER),
                                            .network = {.rate = 1, .burst = 7},
                                            .worker = plenty};
    struct scene scene;
    int status;

    (void)state;
    scene_begin(&scene, &options, ask_until_refused);
    scene_go(&scene);
    status = scene_wait(&scene);
    assert_true(WIFEXITED(status));
    assert_in_range(WEXITSTATUS(status), 7, 8);
    scene_end(&scene);
}

static int ask_a_hundred_times(const struct script *script)
{
    uint64_t began = clock_now_ns();

    script->slots[gettid()] = script->ids[0];
    for (int i = 0; i < 100; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        if (fd < 0) {
            return 1;
        }
        (void)fd_close(fd);
    }
    return clock_now_ns() - began < 200 * NS_PER_MS ? 2 : 0;
}

static void a_worker_that_asks_too_often_waits(void **state)
{
    const struct sockets_options options = {.user = sandbox_user(SANDBOX_WORKER),
                                            .network = plenty,
                                            .worker = {.rate = 100, .burst = 10}};
    struct sockets_counts counts;
    struct scene scene;

    (void)state;
    scene_begin(&scene, &options, ask_a_hundred_times);
    scene_go(&scene);
    assert_int_equal(scene_wait(&scene), 0);
    sockets_read_counts(scene.sockets, &counts);
    assert_true(counts.paused > 0);
    scene_end(&scene);
}

static int ask_until_nobody_answers(const struct script *script)
{
    int fd;

    script->slots[gettid()] = script->ids[0];
    while ((void)(fd = socket(AF_INET, SOCK_STREAM, 0)), fd >= 0) {
        (void)fd_close(fd);
    }
    return errno == ENOSYS ? 0 : 1;
}

static void without_a_broker_the_answer_is_no(void **state)
{
    const struct sockets_options options = {
        .user = sandbox_user(SANDBOX_WORKER), .network = plenty, .worker = plenty};
    struct sockets_counts counts = {0};
    struct scene scene;

    (void)state;
    scene_begin(&scene, &options, ask_until_nobody_answers);
    scene_go(&scene);
    while (counts.served < 100) {
        sockets_read_counts(scene.sockets, &counts);
    }
    scene.worker = sockets_dismiss(scene.worker);
    assert_int_equal(scene_wait(&scene), 0);
    scene_end(&scene);
}

static void a_worker_killed_in_a_call_leaves_nothing(void **state)
{
    const struct sockets_options options = {
        .user = sandbox_user(SANDBOX_WORKER), .network = plenty, .worker = plenty};
    struct sockets_counts counts = {0};
    struct scene scene;

    (void)state;
    scene_begin(&scene, &options, ask_until_nobody_answers);
    scene_go(&scene);
    while (counts.served < 100) {
        sockets_read_counts(scene.sockets, &counts);
    }
    assert_int_equal(kill(scene.child, SIGKILL), 0);
    assert_true(WIFSIGNALED(scene_wait(&scene)));
    sockets_revoke(scene.worker, scene.ids[0]);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_socket_of_many_is_in_the_wrong_pod),
        cmocka_unit_test(a_captured_worker_gets_only_its_own_tcp_and_udp),
        cmocka_unit_test(a_network_that_asks_too_often_is_refused_alone),
        cmocka_unit_test(a_worker_that_asks_too_often_waits),
        cmocka_unit_test(without_a_broker_the_answer_is_no),
        cmocka_unit_test(a_worker_killed_in_a_call_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
