/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of pods, asked for by honest and by captured workers. */
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
#include "test/privileged/broker/scene.h"

enum { THREADS = 8, TURNS = 25000, CONNECT_EACH = 64 };

static const struct request_rate plenty = {.rate = 10000000, .burst = 10000000};

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
    assert_true(WEXITSTATUS(status) == 7 || WEXITSTATUS(status) == 8);
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

/* A worker that asks and asks, and has been answered for a while. */
static void storm_begin(struct scene *scene)
{
    const struct sockets_options options = {
        .user = sandbox_user(SANDBOX_WORKER), .network = plenty, .worker = plenty};
    struct sockets_counts counts = {0};

    scene_begin(scene, &options, ask_until_nobody_answers);
    scene_go(scene);
    while (counts.served < 100) {
        sockets_read_counts(scene->sockets, &counts);
    }
}

static void without_a_broker_the_answer_is_no(void **state)
{
    struct scene scene;

    (void)state;
    storm_begin(&scene);
    scene.worker = sockets_dismiss(scene.worker);
    assert_int_equal(scene_wait(&scene), 0);
    scene_end(&scene);
}

static void a_worker_killed_in_a_call_leaves_nothing(void **state)
{
    struct scene scene;

    (void)state;
    storm_begin(&scene);
    assert_int_equal(kill(scene.child, SIGKILL), 0);
    assert_true(WIFSIGNALED(scene_wait(&scene)));
    sockets_revoke(scene.worker, scene.ids[0]);
    scene_end(&scene);
}

static int first_free(void)
{
    int fd = fd_duplicate(0);

    return fd_close(fd), fd;
}

static void many_networks_of_one_namespace_keep_one_descriptor(void **state)
{
    enum { MANY = 1000 };
    const struct sockets_options options = {
        .user = sandbox_user(SANDBOX_WORKER), .network = plenty, .worker = plenty};
    struct fault why = {0};
    struct scene scene;
    uint32_t ids[MANY];
    int before;

    (void)state;
    scene_begin(&scene, &options, ask_a_hundred_times);
    before = first_free();
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(sockets_grant(scene.worker, netns_descriptor(scene.pods[1].netns),
                                       &ids[i], &why), 0);
    }
    assert_int_equal(first_free(), before);
    sockets_revoke(scene.worker, scene.ids[1]); /* whose descriptor it was at first */
    assert_int_equal(first_free(), before);
    for (int i = 0; i < MANY; i++) {
        sockets_revoke(scene.worker, ids[i]);
    }
    assert_true(first_free() < before); /* with the last of them the namespace is let go */
    scene_go(&scene);
    (void)scene_wait(&scene);
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
        cmocka_unit_test(many_networks_of_one_namespace_keep_one_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
