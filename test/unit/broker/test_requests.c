/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "runtime/broker/requests.h"
#include "runtime/broker/sockets.h"

static void a_burst_is_had_at_once_and_then_the_rate(void **state)
{
    const struct request_rate rate = {.rate = 10, .burst = 3};
    struct request_bucket bucket = {0};
    uint64_t now = 5 * NS_PER_S;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(request_take(&bucket, rate, now), 0);
    }
    assert_int_equal(request_take(&bucket, rate, now), NS_PER_S / 10);
    assert_int_equal(request_take(&bucket, rate, now + NS_PER_S / 20), NS_PER_S / 20);
    assert_int_equal(request_take(&bucket, rate, now + NS_PER_S / 10), 0);
    assert_true(request_take(&bucket, rate, now + NS_PER_S / 10) > 0);
    now += 60 * NS_PER_S;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(request_take(&bucket, rate, now), 0);
    }
    assert_true(request_take(&bucket, rate, now) > 0);
}

static void what_has_no_rate_is_never_refused(void **state)
{
    struct request_bucket bucket = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(request_take(&bucket, request_rate(REQUEST_LOADED), 7), 0);
    }
}

static void each_request_has_its_phase(void **state)
{
    (void)state;
    assert_true(request_fits(REQUEST_READY, REQUEST_GREETING));
    assert_false(request_fits(REQUEST_READY, REQUEST_SERVING));
    assert_false(request_fits(REQUEST_EXITED, REQUEST_GREETING));
    assert_true(request_fits(REQUEST_LOG, REQUEST_GREETING));
    assert_false(request_fits(REQUEST_SOCKET, REQUEST_GREETING));
}

static void only_tcp_and_udp_are_on_the_list(void **state)
{
    const uint64_t junk = 1ULL << 32;

    (void)state;
    assert_int_equal(sockets_rule(AF_INET, SOCK_STREAM, 0), 0);
    assert_int_equal(sockets_rule(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP), 0);
    assert_int_equal(sockets_rule(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP), 0);
    assert_int_equal(sockets_rule(AF_INET6, SOCK_DGRAM, 0), 0);
    assert_int_equal(sockets_rule(AF_INET, SOCK_STREAM, 262), -EPROTONOSUPPORT);
    assert_int_equal(sockets_rule(AF_INET, SOCK_STREAM, IPPROTO_UDP), -EPROTONOSUPPORT);
    assert_int_equal(sockets_rule(AF_INET, SOCK_STREAM, junk), -EPROTONOSUPPORT);
    assert_int_equal(sockets_rule(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), -EPROTONOSUPPORT);
    assert_int_equal(sockets_rule(AF_INET, SOCK_RAW, IPPROTO_ICMP), -EPROTONOSUPPORT);
    assert_int_equal(sockets_rule(AF_INET, SOCK_STREAM | 0x10000, 0), -EINVAL);
    assert_int_equal(sockets_rule(AF_UNIX, SOCK_STREAM, 0), -EAFNOSUPPORT);
    assert_int_equal(sockets_rule(AF_NETLINK, SOCK_RAW, 0), -EAFNOSUPPORT);
    assert_int_equal(sockets_rule(AF_PACKET, SOCK_RAW, 0), -EAFNOSUPPORT);
    assert_int_equal(sockets_rule(AF_VSOCK, SOCK_STREAM, 0), -EAFNOSUPPORT);
    assert_int_equal(sockets_rule(AF_ALG, SOCK_SEQPACKET, 0), -EAFNOSUPPORT);
    assert_int_equal(sockets_rule(junk | AF_INET, SOCK_STREAM, 0), -EAFNOSUPPORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_had_at_once_and_then_the_rate),
        cmocka_unit_test(what_has_no_rate_is_never_refused),
        cmocka_unit_test(each_request_has_its_phase),
        cmocka_unit_test(only_tcp_and_udp_are_on_the_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
