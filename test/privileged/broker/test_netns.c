/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "runtime/broker/listen.h"
#include "runtime/broker/netns.h"

static struct fault why;

static size_t entries(const char *folder)
{
    DIR *stream = opendir(folder);
    size_t count = 0;

    while (readdir(stream)) {
        count++;
    }
    (void)closedir(stream);
    return count;
}

static ino_t here(void)
{
    struct stat file;

    assert_int_equal(stat("/proc/thread-self/ns/net", &file), 0);
    return file.st_ino;
}

/* Connects to 127.0.0.1 in a namespace. Return: 0 or errno. */
static int connect_in(int netns, uint16_t port)
{
    AUTO(netns_leave) int home = -1;
    AUTO(fd_close) int fd = -1;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    assert_int_equal(netns_enter(netns, &home, &why), 0);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

static void a_new_namespace_has_a_loopback_and_a_thread_in_it(void **state)
{
    AUTO(netns_free) struct netns *netns = NULL;
    AUTO(fd_close) int listener = -1;
    struct listen_plan plan = {.port = 8080};
    struct stat by_tid;
    struct stat by_fd;
    char path[64];
    ino_t before = here();

    (void)state;
    assert_int_equal(netns_new(&netns, &why), 0);
    assert_int_equal(here(), before);
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/net", netns_tid(netns));
    assert_int_equal(stat(path, &by_tid), 0);
    assert_int_equal(fstat(netns_descriptor(netns), &by_fd), 0);
    assert_int_equal(by_tid.st_ino, by_fd.st_ino);
    assert_int_not_equal(by_tid.st_ino, before);
    plan.netns = netns_descriptor(netns);
    assert_int_equal(listen_open(&plan, &listener, NULL, &why), 0);
    assert_int_equal(here(), before);
    assert_int_equal(connect_in(netns_descriptor(netns), 8080), 0);
}

static void two_namespaces_have_the_same_port_each(void **state)
{
    struct netns *netns[2];
    int listeners[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct listen_plan plan = {.port = 8080};

        assert_int_equal(netns_new(&netns[i], &why), 0);
        plan.netns = netns_descriptor(netns[i]);
        assert_int_equal(listen_open(&plan, &listeners[i], NULL, &why), 0);
    }
    for (int i = 0; i < 2; i++) {
        (void)close(listeners[i]);
        (void)netns_free(netns[i]);
    }
}

static void a_thousand_namespaces_leave_no_thread_and_no_descriptor(void **state)
{
    size_t threads;
    size_t descriptors;
    struct netns *warm = NULL;

    (void)state;
    assert_int_equal(netns_new(&warm, &why), 0);
    warm = netns_free(warm);
    threads = entries("/proc/self/task");
    descriptors = entries("/proc/self/fd");
    for (int round = 0; round < 10; round++) {
        struct netns *netns[100];

        for (int i = 0; i < 100; i++) {
            assert_int_equal(netns_new(&netns[i], &why), 0);
        }
        assert_int_equal(entries("/proc/self/task"), threads + 100);
        for (int i = 0; i < 100; i++) {
            (void)netns_free(netns[i]);
        }
    }
    assert_int_equal(entries("/proc/self/task"), threads);
    assert_int_equal(entries("/proc/self/fd"), descriptors);
}

static void a_path_that_is_no_namespace_is_refused(void **state)
{
    int netns = -1;

    (void)state;
    assert_true(netns_open("/proc/self/ns/mnt", &netns, &why) < 0);
    assert_string_equal(why.text, "/proc/self/ns/mnt is no network namespace");
    assert_true(netns_open("/dev/null", &netns, &why) < 0);
    assert_true(netns_open("/proc/self/ns/none", &netns, &why) < 0);
    assert_int_equal(why.kind, FAULT_NOT_FOUND);
    assert_int_equal(netns_open("/proc/self/ns/net", &netns, &why), 0);
    (void)close(netns);
}

static void a_visit_to_nowhere_stays_at_home(void **state)
{
    AUTO(fd_close) int other = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    ino_t before = here();
    int home = -1;

    (void)state;
    assert_true(netns_enter(other, &home, &why) < 0);
    assert_int_equal(home, -1);
    assert_int_equal(here(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_namespace_has_a_loopback_and_a_thread_in_it),
        cmocka_unit_test(two_namespaces_have_the_same_port_each),
        cmocka_unit_test(a_thousand_namespaces_leave_no_thread_and_no_descriptor),
        cmocka_unit_test(a_path_that_is_no_namespace_is_refused),
        cmocka_unit_test(a_visit_to_nowhere_stays_at_home),
    };

    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
        (void)printf("skipped: needs root and network namespaces\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
