/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener is watched for one event at a time, and again as soon as its call is received: so a
 * receive never waits for a call that another thread took, and both threads serve one worker.
 *
 * A thread stays in the namespace of its last socket and goes home when nothing comes for a
 * while, so that it does not keep a namespace whose pod is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "runtime/broker/sockets_inside.h"
#include "runtime/stats/switchboard.h"

/* Newer kernels may fill in more than this header knows of a call. */
enum { CALL_BYTES = 1024, HOMESICK_MS = 100, PAUSE_MS = 5 };

struct notifier {
    struct sockets *sockets;
    struct place here; /* its descriptor is not used */
    union {
        struct seccomp_notif call;
        unsigned char room[CALL_BYTES];
    } in;
};

static bool is_same(const struct place *one, const struct place *other)
{
    return one->device == other->device && one->inode == other->inode;
}

/* Return: 0 or negative errno; then the thread stayed where it was. */
static int go(struct notifier *notifier, const struct place *to)
{
    if (is_same(&notifier->here, to)) {
        return 0;
    }
    if (setns(to->netns, CLONE_NEWNET) < 0) {
        return -errno;
    }
    notifier->here = *to;
    return 0;
}

/* An answer to a thread that has gone meanwhile goes nowhere. */
static void refuse(struct sockets_worker *worker, uint64_t call, int err)
{
    struct seccomp_notif_resp answer = {.id = call, .error = err};

    (void)ioctl(worker->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

/* Makes the socket and puts it into the worker. Return: 0, or negative errno for the worker. */
static int serve(struct notifier *notifier, struct sockets_worker *worker,
                 const struct network *network)
{
    const struct seccomp_notif *call = &notifier->in.call;
    AUTO(fd_close) int fd = -1;
    struct seccomp_notif_addfd give = {
        .id = call->id, .flags = SECCOMP_ADDFD_FLAG_SEND, .newfd_flags = O_CLOEXEC};
    int done = go(notifier, &network->site->place);

    if (done < 0) {
        return done;
    }
    fd = socket((int)call->data.args[0], (int)call->data.args[1] | SOCK_CLOEXEC,
                (int)call->data.args[2]);
    if (fd < 0) {
        return -errno;
    }
    give.srcfd = (uint32_t)fd;
    return ioctl(worker->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give) < 0 ? -errno : 0;
}

/* Whose turn is it next? With the lock held. */
static void take_turn(struct sockets *sockets, struct sockets_worker *worker, uint64_t now)
{
    uint64_t wait = request_take(&worker->bucket, sockets->options.worker, now);

    if (wait == 0) {
        sockets_listen(sockets, worker, EPOLL_CTL_MOD);
        return;
    }
    worker->paused_until_ns = now + wait + PAUSE_MS * NS_PER_MS;
    sockets->paused++;
    sockets->counts.paused++;
}

/* Is this call to be served? Return: 0 with *@ret in use, or negative errno. */
static int judge(struct sockets *sockets, struct sockets_worker *worker,
                 const struct seccomp_notif *call, struct network **ret)
{
    const __u64 *arguments = call->data.args;
    uint32_t id = switchboard_read(worker->board, call->pid);
    __u64 number = call->id;
    uint64_t now = clock_now_ns();
    int done = 0;

    /* A thread that still waits in this call wrote the slot that was read. */
    if (ioctl(worker->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &number) < 0) {
        done = -ENOENT;
    }
    (void)pthread_mutex_lock(&sockets->lock);
    take_turn(sockets, worker, now);
    *ret = done == 0 ? network_use(worker, id) : NULL;
    if (done == 0) {
        done = *ret ? sockets_rule(arguments[0], arguments[1], arguments[2]) : -EPERM;
    }
    if (done == 0 && request_take(&(*ret)->bucket, sockets->options.network, now) > 0) {
        done = -EMFILE;
    }
    (void)pthread_mutex_unlock(&sockets->lock);
    return done;
}

static void answer(struct notifier *notifier, struct sockets_worker *worker)
{
    struct sockets *sockets = notifier->sockets;
    const struct seccomp_notif *call = &notifier->in.call;
    struct network *network = NULL;
    int done = judge(sockets, worker, call, &network);

    if (done == 0) {
        done = serve(notifier, worker, network);
    }
    if (done < 0 && done != -ENOENT) {
        refuse(worker, call->id, done);
    }
    (void)pthread_mutex_lock(&sockets->lock);
    sockets->counts.served += done == 0 ? 1 : 0;
    sockets->counts.stale += done == -ENOENT ? 1 : 0;
    sockets->counts.refused += done < 0 && done != -ENOENT ? 1 : 0;
    if (network) {
        network_leave(sockets, network);
    }
    (void)pthread_mutex_unlock(&sockets->lock);
}

/* Return: whether a call was received; else the worker is listened to again, or gone. */
static bool receive(struct notifier *notifier, struct sockets_worker *worker, uint32_t events)
{
    struct sockets *sockets = notifier->sockets;
    int done = -EPIPE;

    memset(&notifier->in, 0, sizeof(notifier->in));
    if ((events & EPOLLIN) != 0) {
        done = ioctl(worker->listener, SECCOMP_IOCTL_NOTIF_RECV, &notifier->in.call) < 0 ? -errno
                                                                                        : 0;
    }
    if (done == 0) {
        return true;
    }
    (void)pthread_mutex_lock(&sockets->lock);
    if (done == -ENOENT || done == -EINTR) { /* the caller vanished in between */
        sockets->counts.stale++;
        sockets_listen(sockets, worker, EPOLL_CTL_MOD);
    } else if (!worker->is_gone) { /* no thread is left that could call */
        worker->is_gone = true;
        (void)epoll_ctl(sockets->epoll, EPOLL_CTL_DEL, worker->listener, NULL);
    }
    (void)pthread_mutex_unlock(&sockets->lock);
    return false;
}

static void on_call(struct notifier *notifier, uint64_t number, uint32_t events)
{
    struct sockets *sockets = notifier->sockets;
    struct sockets_worker *worker = NULL;

    (void)pthread_mutex_lock(&sockets->lock);
    worker = sockets_find(sockets, number);
    if (worker) {
        worker->users++;
    }
    (void)pthread_mutex_unlock(&sockets->lock);
    if (!worker) {
        return;
    }
    if (receive(notifier, worker, events)) {
        answer(notifier, worker);
    }
    (void)pthread_mutex_lock(&sockets->lock);
    worker->users--;
    if (worker->users == 0) {
        (void)pthread_cond_broadcast(&sockets->left);
    }
    (void)pthread_mutex_unlock(&sockets->lock);
}

/* How long to wait for the next call, in milliseconds; -1: for ever. */
static int patience(const struct notifier *notifier)
{
    struct sockets *sockets = notifier->sockets;
    int wait = is_same(&notifier->here, &sockets->home) ? -1 : HOMESICK_MS;

    (void)pthread_mutex_lock(&sockets->lock);
    if (sockets->paused > 0) {
        sockets_resume(sockets, clock_now_ns());
        wait = sockets->paused > 0 ? PAUSE_MS : wait;
    }
    (void)pthread_mutex_unlock(&sockets->lock);
    return wait;
}

void *notifier_run(void *argument)
{
    struct sockets *sockets = (struct sockets *)argument;
    struct notifier notifier = {.sockets = sockets, .here = sockets->home};
    struct epoll_event event;
    bool is_ended = false;

    (void)pthread_setname_np(pthread_self(), "skep-sockets");
    /* For this thread alone; the capability to change namespaces stays. */
    (void)setfsgid(sockets->options.user);
    (void)setfsuid(sockets->options.user);
    while (!is_ended) {
        int got = epoll_wait(sockets->epoll, &event, 1, patience(&notifier));

        if (got > 0 && event.data.u64 == 0) {
            is_ended = true;
        } else if (got > 0) {
            on_call(&notifier, event.data.u64, event.events);
        } else if (go(&notifier, &sockets->home) < 0) {
            log_warn("a thread that makes sockets cannot go home", "errno=%d", errno);
        }
    }
    return NULL;
}
