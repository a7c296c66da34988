/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "runtime/broker/listen.h"

static struct fault why;

static int connect_v4(uint16_t port)
{
    AUTO(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

static int connect_v6(uint16_t port)
{
    AUTO(fd_close) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 to = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    return fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

static void every_address_means_both_families(void **state)
{
    AUTO(fd_close) int fd = -1;
    struct listen_plan plan = {.netns = -1};
    uint16_t port = 0;
    int v6;

    (void)state;
    assert_int_equal(listen_open(&plan, &fd, &port, &why), 0);
    assert_true(port > 0);
    assert_int_equal(connect_v4(port), 0);
    v6 = connect_v6(port);
    assert_true(v6 == 0 || v6 == EADDRNOTAVAIL || v6 == EAFNOSUPPORT);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void one_address_means_only_that(void **state)
{
    AUTO(fd_close) int fd = -1;
    struct listen_plan plan = {.netns = -1, .address = "127.0.0.2"};
    uint16_t port = 0;

    (void)state;
    assert_int_equal(listen_open(&plan, &fd, &port, &why), 0);
    assert_int_equal(connect_v4(port), ECONNREFUSED);
}

static void a_port_that_is_taken_is_named(void **state)
{
    AUTO(fd_close) int fd = -1;
    struct listen_plan plan = {.netns = -1, .address = "127.0.0.1"};
    int second = -1;
    char expected[128];

    (void)state;
    assert_int_equal(listen_open(&plan, &fd, &plan.port, &why), 0);
    assert_true(listen_open(&plan, &second, NULL, &why) < 0);
    (void)snprintf(expected, sizeof(expected),
                   "listen on 127.0.0.1 port %u: Address already in use", plan.port);
    assert_string_equal(why.text, expected);
    plan.address = NULL; /* every address: no way around to one family */
    assert_true(listen_open(&plan, &second, NULL, &why) < 0);
    assert_int_equal(why.err, EADDRINUSE);
}

static void a_name_is_no_address(void **state)
{
    struct listen_plan plan = {.netns = -1, .address = "localhost"};
    int fd = -1;

    (void)state;
    assert_true(listen_open(&plan, &fd, NULL, &why) < 0);
    assert_string_equal(why.text, "\"localhost\" is no numeric address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_means_both_families),
        cmocka_unit_test(one_address_means_only_that),
        cmocka_unit_test(a_port_that_is_taken_is_named),
        cmocka_unit_test(a_name_is_no_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
