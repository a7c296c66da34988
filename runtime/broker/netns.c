/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A namespace of our own lives as long as its thread and its descriptor. The thread unshares,
 * brings the loopback up, tells how that went, and then waits for the end of a pipe: parked in
 * read(2), it costs a small stack and no time.
 */
#include "runtime/broker/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"

/* Touched pages only; the sanitizers need more than the minimum. */
enum { STACK_SIZE = 128 * 1024 };

struct netns {
    pthread_t thread;
    int descriptor;
    int tid;
    int park; /* closing it ends the thread */
};

/* What the thread and netns_new() tell each other; on the stack of the latter. */
struct opening {
    struct netns *netns;
    int park;         /* the thread's end; owned by it */
    int tell;         /* the thread's answer: a negative errno or 0; owned by it */
    const char *step; /* set before the answer is written */
};

int netns_open(const char *path, int *ret, struct fault *why)
{
    AUTO(fd_close) int netns = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (netns < 0) {
        return fault_sys(why, -errno, "open the network namespace %s", path);
    }
    if (ioctl(netns, NS_GET_NSTYPE) != CLONE_NEWNET) {
        return fault(why, FAULT_INVALID, "%s is no network namespace", path);
    }
    *ret = TAKE_FD(netns);
    return 0;
}

int netns_enter(int netns, int *ret_home, struct fault *why)
{
    AUTO(fd_close) int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

    if (home < 0) {
        return fault_sys(why, -errno, "open this thread's network namespace");
    }
    if (setns(netns, CLONE_NEWNET) < 0) {
        return fault_sys(why, -errno, "enter a network namespace");
    }
    *ret_home = TAKE_FD(home);
    return 0;
}

int netns_leave(int home)
{
    if (home >= 0) {
        if (setns(home, CLONE_NEWNET) < 0) {
            /* Going on would serve one pod with another's network. */
            (void)fputs("skep: a thread cannot return to its network namespace\n", stderr);
            abort();
        }
        (void)fd_close(home);
    }
    return -1;
}

static int loopback_up(void)
{
    AUTO(fd_close) int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo"};

    if (socket_fd < 0 || ioctl(socket_fd, SIOCGIFFLAGS, &request) < 0) {
        return -errno;
    }
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    return ioctl(socket_fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

static int thread_settle(struct opening *opening)
{
    struct netns *netns = opening->netns;
    int done;

    opening->step = "make a network namespace";
    if (unshare(CLONE_NEWNET) < 0) {
        return -errno;
    }
    opening->step = "bring the loopback of a network namespace up";
    done = loopback_up();
    if (done < 0) {
        return done;
    }
    opening->step = "open a new network namespace";
    netns->descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (netns->descriptor < 0) {
        return -errno;
    }
    netns->tid = gettid();
    return 0;
}

static void *thread_run(void *argument)
{
    struct opening *opening = (struct opening *)argument;
    int park = opening->park;
    int tell = opening->tell;
    int done;
    ssize_t got;
    char byte;

    (void)pthread_setname_np(pthread_self(), "skep-netns");
    done = thread_settle(opening);
    got = write(tell, &done, sizeof(done)); /* opening is gone after this */
    (void)fd_close(tell);
    while (done == 0 && got > 0) {
        got = read(park, &byte, 1);
        if (got < 0 && errno == EINTR) {
            got = 1;
        }
    }
    (void)fd_close(park);
    return NULL;
}

/* The thread gets no signals: they are for the loop's. */
static int thread_start(struct netns *netns, struct opening *opening)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    int failed;

    (void)sigfillset(&all);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&netns->thread, &attributes, thread_run, opening);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -failed;
}

static int thread_answer(int hear)
{
    int done = -EIO;
    ssize_t got;

    do {
        got = read(hear, &done, sizeof(done));
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(done) ? done : -EIO;
}

int netns_new(own struct netns **ret, struct fault *why)
{
    AUTO(fd_close) int hear = -1;
    AUTO(fd_close) int parked = -1;
    AUTO(fd_close) int tell = -1;
    AUTO(memory_free) struct netns *netns = NEW(struct netns);
    struct opening opening = {.netns = netns};
    int park[2];
    int answer[2];
    int done;

    if (pipe2(park, O_CLOEXEC) < 0) {
        return fault_sys(why, -errno, "make a pipe for a network namespace");
    }
    netns->park = park[1];
    parked = park[0];
    netns->descriptor = -1;
    if (pipe2(answer, O_CLOEXEC) < 0) {
        done = -errno;
        (void)fd_close(netns->park);
        return fault_sys(why, done, "make a pipe for a network namespace");
    }
    hear = answer[0];
    tell = answer[1];
    opening.park = parked;
    opening.tell = tell;
    done = thread_start(netns, &opening);
    if (done < 0) {
        (void)fd_close(netns->park);
        return fault_sys(why, done, "start a thread for a network namespace");
    }
    (void)TAKE_FD(parked);
    (void)TAKE_FD(tell);
    done = thread_answer(hear);
    if (done < 0) {
        (void)netns_free(TAKE(netns));
        return fault_sys(why, done, "%s", opening.step ? opening.step : "start a thread");
    }
    *ret = TAKE(netns);
    return 0;
}

struct netns *netns_free(own struct netns *netns)
{
    if (netns) {
        (void)fd_close(netns->park);
        (void)pthread_join(netns->thread, NULL);
        (void)fd_close(netns->descriptor);
        free(netns);
    }
    return NULL;
}

int netns_descriptor(const struct netns *netns)
{
    return netns->descriptor;
}

int netns_tid(const struct netns *netns)
{
    return netns->tid;
}
