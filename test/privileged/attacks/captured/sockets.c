/* SPDX-License-Identifier: Apache-2.0 */
/* Against the broker and other pods' networks. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "test/privileged/attacks/captured/captured.h"
#include "test/privileged/broker/scene.h"

enum { TURNS = 2000, TURNS_LEAST = 200, FLOODERS = 4, FLOOD_S = 10, PATIENCE = 5000 };

/* socket(2) for a network. Return: WORKED or errno. */
static int ask(const struct victims *victims, uint32_t network, long domain, long type,
               long protocol)
{
    long fd;
    int err;

    __atomic_store_n(&victims->slots[gettid()], network, __ATOMIC_RELEASE);
    fd = syscall(SYS_socket, domain, type, protocol);
    err = errno;
    __atomic_store_n(&victims->slots[gettid()], 0, __ATOMIC_RELEASE);
    if (fd >= 0) {
        (void)close((int)fd);
    }
    return fd < 0 ? err : WORKED;
}

#define TRY_SOCKET(name, network, domain, type, protocol)                                          \
    static int name(const struct victims *victims)                                                 \
    {                                                                                              \
        return ask(victims, network, domain, type, protocol);                                      \
    }

TRY_SOCKET(nobody, 0, AF_INET, SOCK_STREAM, 0)
TRY_SOCKET(unknown, 4711, AF_INET, SOCK_STREAM, 0)
TRY_SOCKET(largest, UINT32_MAX, AF_INET, SOCK_STREAM, 0)
TRY_SOCKET(foreign, victims->foreign, AF_INET, SOCK_STREAM, 0)
TRY_SOCKET(raw, victims->given, AF_INET, SOCK_RAW, IPPROTO_ICMP)
TRY_SOCKET(ping, victims->given, AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
TRY_SOCKET(multipath, victims->given, AF_INET, SOCK_STREAM, 262)
TRY_SOCKET(netlink, victims->given, AF_NETLINK, SOCK_RAW, 0)
TRY_SOCKET(packet, victims->given, AF_PACKET, SOCK_RAW, 0)
TRY_SOCKET(local, victims->given, AF_UNIX, SOCK_STREAM, 0)
TRY_SOCKET(vsock, victims->given, AF_VSOCK, SOCK_STREAM, 0)
TRY_SOCKET(crypto, victims->given, AF_ALG, SOCK_SEQPACKET, 0)
TRY_SOCKET(high_half, victims->given, AF_INET | 1L << 32, SOCK_STREAM, 0)
TRY_SOCKET(odd_flag, victims->given, AF_INET, SOCK_STREAM | 0x10000, 0)

static int pair_of(const struct victims *victims)
{
    int ends[2];

    (void)victims;
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 ? errno : WORKED;
}

/* Asks the notifier's own request of a descriptor that is none. */
static int pose_as_broker(const struct victims *victims)
{
    (void)victims;
    return ioctl(3, 0xc0502100UL, NULL) < 0 ? errno : WORKED;
}

/* Slots of others of our threads are forged while they ask: no socket may be of another network. */
struct racer {
    const struct victims *victims;
    pid_t target;
    bool stop;
};

static void *forge(void *owner)
{
    struct racer *racer = (struct racer *)owner;
    uint32_t *slot = &racer->victims->slots[racer->target];

    while (!__atomic_load_n(&racer->stop, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(slot, racer->victims->foreign, __ATOMIC_RELEASE);
        __atomic_store_n(slot, racer->victims->given, __ATOMIC_RELEASE);
    }
    return NULL;
}

static int race(const struct victims *victims)
{
    struct racer racer = {.victims = victims, .target = gettid()};
    pthread_t forger;
    int result = EPERM;
    int made = 0;

    if (pthread_create(&forger, NULL, forge, &racer) != 0) {
        return errno;
    }
    for (int i = 0; i < TURNS && result == EPERM; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        result = fd >= 0 && cookie_of(fd) != victims->cookie ? WORKED : EPERM;
        if (fd >= 0) {
            made++;
            (void)close(fd);
        }
    }
    __atomic_store_n(&racer.stop, true, __ATOMIC_RELEASE);
    (void)pthread_join(forger, NULL);
    /* Both must have happened often, or there was no race. */
    return result == EPERM && (made < TURNS_LEAST || made > TURNS - TURNS_LEAST) ? ENODATA : result;
}

/* Has this process as many descriptors as it may have? Else it was the rate that said EMFILE. */
static bool is_full(void)
{
    int copy = fcntl(3, F_DUPFD_CLOEXEC, 0);

    if (copy >= 0) {
        (void)close(copy);
    }
    return copy < 0;
}

/* Threads that ask for sockets until one of them is refused. */
struct crowd {
    const struct victims *victims;
    uint64_t until_ns;
    int result; /* of the first that is no socket */
};

static void *ask_on(void *owner)
{
    struct crowd *crowd = (struct crowd *)owner;
    int result = WORKED;
    int before = WORKED;

    while (result == WORKED && clock_now_ns() < crowd->until_ns &&
           __atomic_load_n(&crowd->result, __ATOMIC_ACQUIRE) == WORKED) {
        result = ask(crowd->victims, crowd->victims->given, AF_INET, SOCK_STREAM, 0);
    }
    if (result != WORKED) {
        (void)__atomic_compare_exchange_n(&crowd->result, &before, result, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
    return NULL;
}

/* As many as it can, which one thread alone may not: the rate of its network ends it. */
static int flood(const struct victims *victims)
{
    struct crowd crowd = {.victims = victims,
                          .until_ns = clock_now_ns() + FLOOD_S * NS_PER_S,
                          .result = WORKED};
    pthread_t threads[FLOODERS];
    int count = 0;

    while (count < FLOODERS && pthread_create(&threads[count], NULL, ask_on, &crowd) == 0) {
        count++;
    }
    for (int i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return crowd.result == EMFILE && !is_full() ? EMFILE : ENODATA;
}

/* With patience for the rate: its own limit of descriptors ends it. */
static int hoard(const struct victims *victims)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    int waits = 0;

    __atomic_store_n(&victims->slots[gettid()], victims->given, __ATOMIC_RELEASE);
    while (waits < PATIENCE) {
        if (socket(AF_INET, SOCK_DGRAM, 0) >= 0) {
            continue;
        }
        if (errno != EMFILE) {
            return errno;
        }
        if (is_full()) {
            return EMFILE;
        }
        waits++;
        (void)nanosleep(&pause, NULL);
    }
    return WORKED;
}

static const struct attack rows[] = {
    {"socket-nobody", "a socket for no pod", WALL_4, nobody, EPERM},
    {"socket-unknown", "a socket for a network that there is not", WALL_4, unknown, EPERM},
    {"socket-largest", "the same with the largest number", WALL_4, largest, EPERM},
    {"socket-foreign", "a socket by a number that another worker's pod has", WALL_4, foreign, EPERM},
    {"socket-race", "the same while another thread forges the answer", WALL_4, race, EPERM},
    {"socket-raw", "a raw socket", WALL_4, raw, EPROTONOSUPPORT},
    {"socket-ping", "a ping socket", WALL_4, ping, EPROTONOSUPPORT},
    {"socket-multipath", "a multipath socket", WALL_4, multipath, EPROTONOSUPPORT},
    {"socket-netlink", "talk to the kernel's routing", WALL_4, netlink, EAFNOSUPPORT},
    {"socket-packet", "listen on the wire", WALL_4, packet, EAFNOSUPPORT},
    {"socket-local", "a socket to processes of the node", WALL_4, local, EAFNOSUPPORT},
    {"socket-vsock", "a socket to the host of the node", WALL_4, vsock, EAFNOSUPPORT},
    {"socket-crypto", "a socket to the kernel's ciphers", WALL_4, crypto, EAFNOSUPPORT},
    {"socket-high-half", "a family with rubbish in its high half", WALL_4, high_half, EAFNOSUPPORT},
    {"socket-odd-flag", "a flag that there is not", WALL_4, odd_flag, EINVAL},
    {"socket-pair", "a pair of sockets", WALL_3, pair_of, EPERM},
    {"socket-notifier", "answer calls in the broker's place", WALL_3, pose_as_broker, EPERM},
    {"socket-flood", "sockets as fast as four threads can", WALL_4, flood, EMFILE},
    {"socket-hoard", "keep every socket that it gets", WALL_4, hoard, EMFILE},
};

const struct attacks attacks_on_sockets = {rows, ARRAY_SIZE(rows)};
