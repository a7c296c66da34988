/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables under one lock, held for look-ups only. A worker and a network live until the last thread
 * that answers from them has left.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "runtime/broker/sockets_inside.h"

static int by_id(const struct network *one, const struct network *other)
{
    return one->id < other->id ? -1 : (one->id > other->id ? 1 : 0);
}

RB_PROTOTYPE_INTERNAL(network_tree, network, link, by_id, UNUSED static)
RB_GENERATE_INTERNAL(network_tree, network, link, by_id, UNUSED static)

static int by_number(const struct sockets_worker *one, const struct sockets_worker *other)
{
    return one->number < other->number ? -1 : (one->number > other->number ? 1 : 0);
}

RB_PROTOTYPE_INTERNAL(worker_tree, sockets_worker, link, by_number, UNUSED static)
RB_GENERATE_INTERNAL(worker_tree, sockets_worker, link, by_number, UNUSED static)

static int by_place(const struct site *one, const struct site *other)
{
    if (one->place.device != other->place.device) {
        return one->place.device < other->place.device ? -1 : 1;
    }
    return one->place.inode < other->place.inode ? -1
                                                 : (one->place.inode > other->place.inode ? 1 : 0);
}

RB_PROTOTYPE_INTERNAL(site_tree, site, link, by_place, UNUSED static)
RB_GENERATE_INTERNAL(site_tree, site, link, by_place, UNUSED static)

int sockets_rule(uint64_t domain, uint64_t type, uint64_t protocol)
{
    const uint64_t flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    const uint64_t kinds = 0xf;

    if (domain != AF_INET && domain != AF_INET6) {
        return -EAFNOSUPPORT;
    }
    if ((type & ~(flags | kinds)) != 0) {
        return -EINVAL;
    }
    type &= kinds;
    if ((type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP)) ||
        (type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP))) {
        return 0;
    }
    return -EPROTONOSUPPORT;
}

struct network *network_use(struct sockets_worker *worker, uint32_t id)
{
    struct network wanted = {.id = id};
    struct network *network = id == 0 ? NULL : RB_FIND(network_tree, &worker->networks, &wanted);

    if (network) {
        network->users++;
    }
    return network;
}

/* With the lock held. */
static void site_leave(struct sockets *sockets, struct site *site)
{
    site->networks--;
    if (site->networks == 0) {
        (void)RB_REMOVE(site_tree, &sockets->sites, site);
        (void)fd_close(site->place.netns);
        free(site);
    }
}

void network_leave(struct sockets *sockets, struct network *network)
{
    network->users--;
    if (network->users == 0) {
        site_leave(sockets, network->site);
        free(network);
    }
}

void sockets_listen(struct sockets *sockets, const struct sockets_worker *worker, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = worker->number};

    if (!worker->is_gone) {
        (void)epoll_ctl(sockets->epoll, operation, worker->listener, &event);
    }
}

struct sockets_worker *sockets_find(struct sockets *sockets, uint64_t number)
{
    struct sockets_worker wanted = {.number = number};

    return RB_FIND(worker_tree, &sockets->workers, &wanted);
}

void sockets_resume(struct sockets *sockets, uint64_t now_ns)
{
    struct sockets_worker *worker = NULL;

    RB_FOREACH (worker, worker_tree, &sockets->workers) {
        if (worker->paused_until_ns != 0 && worker->paused_until_ns <= now_ns) {
            worker->paused_until_ns = 0;
            sockets->paused--;
            sockets_listen(sockets, worker, EPOLL_CTL_MOD);
        }
    }
}

/* The threads get no signals: they are for the loop's. */
static int threads_start(struct sockets *sockets, struct fault *why)
{
    sigset_t all;
    sigset_t before;
    int failed = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (failed == 0 && sockets->threads_count < NOTIFIERS) {
        failed = pthread_create(&sockets->threads[sockets->threads_count], NULL, notifier_run,
                                sockets);
        sockets->threads_count += failed == 0 ? 1 : 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed != 0 ? fault_sys(why, -failed, "start a thread that makes sockets") : 0;
}

static int home_open(struct place *ret, struct fault *why)
{
    struct stat about;

    ret->netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (ret->netns < 0 || fstat(ret->netns, &about) < 0) {
        return fault_sys(why, -errno, "open this thread's network namespace");
    }
    ret->device = about.st_dev;
    ret->inode = about.st_ino;
    return 0;
}

int sockets_new(const struct sockets_options *options, own struct sockets **ret, struct fault *why)
{
    AUTO(sockets_free) struct sockets *sockets = NEW(struct sockets);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};

    sockets->options = *options;
    sockets->end = -1;
    sockets->epoll = -1;
    TRY(home_open(&sockets->home, why));
    if (options->network.rate == 0) {
        sockets->options.network = request_rate(REQUEST_SOCKET);
    }
    if (options->worker.rate == 0) {
        sockets->options.worker = request_rate(REQUEST_SOCKETS);
    }
    (void)pthread_mutex_init(&sockets->lock, NULL);
    (void)pthread_cond_init(&sockets->left, NULL);
    RB_INIT(&sockets->workers);
    RB_INIT(&sockets->sites);
    sockets->epoll = epoll_create1(EPOLL_CLOEXEC);
    sockets->end = eventfd(0, EFD_CLOEXEC);
    if (sockets->epoll < 0 || sockets->end < 0 ||
        epoll_ctl(sockets->epoll, EPOLL_CTL_ADD, sockets->end, &event) < 0) {
        return fault_sys(why, -errno, "wait for workers that want sockets");
    }
    TRY(threads_start(sockets, why));
    *ret = TAKE(sockets);
    return 0;
}

struct sockets *sockets_free(own struct sockets *sockets)
{
    const uint64_t one = 1;

    if (!sockets) {
        return NULL;
    }
    if (sockets->end >= 0 && write(sockets->end, &one, sizeof(one)) == (ssize_t)sizeof(one)) {
        for (unsigned i = 0; i < sockets->threads_count; i++) {
            (void)pthread_join(sockets->threads[i], NULL);
        }
    }
    (void)fd_close(sockets->end);
    (void)fd_close(sockets->home.netns);
    (void)fd_close(sockets->epoll);
    (void)pthread_cond_destroy(&sockets->left);
    (void)pthread_mutex_destroy(&sockets->lock);
    free(sockets);
    return NULL;
}

int sockets_admit(struct sockets *sockets, own int listener, const struct switchboard *board,
                  own struct sockets_worker **ret, struct fault *why)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
    struct sockets_worker *worker = NEW(struct sockets_worker);
    int done = 0;

    worker->sockets = sockets;
    worker->listener = listener;
    worker->board = board;
    RB_INIT(&worker->networks);
    (void)pthread_mutex_lock(&sockets->lock);
    worker->number = ++sockets->last_number;
    (void)RB_INSERT(worker_tree, &sockets->workers, worker);
    event.data.u64 = worker->number;
    if (epoll_ctl(sockets->epoll, EPOLL_CTL_ADD, listener, &event) < 0) {
        done = -errno;
        (void)RB_REMOVE(worker_tree, &sockets->workers, worker);
    }
    (void)pthread_mutex_unlock(&sockets->lock);
    if (done < 0) {
        (void)fd_close(listener);
        free(worker);
        return fault_sys(why, done, "wait for a worker that wants sockets");
    }
    *ret = worker;
    return 0;
}

struct sockets_worker *sockets_dismiss(own struct sockets_worker *worker)
{
    struct sockets *sockets = worker ? worker->sockets : NULL;
    struct network *network = NULL;

    if (!worker) {
        return NULL;
    }
    (void)pthread_mutex_lock(&sockets->lock);
    (void)RB_REMOVE(worker_tree, &sockets->workers, worker);
    sockets->paused -= worker->paused_until_ns != 0 ? 1 : 0;
    worker->paused_until_ns = 0;
    (void)epoll_ctl(sockets->epoll, EPOLL_CTL_DEL, worker->listener, NULL);
    worker->is_gone = true;
    while (worker->users > 0) {
        (void)pthread_cond_wait(&sockets->left, &sockets->lock);
    }
    while ((void)(network = RB_MIN(network_tree, &worker->networks)), network) {
        (void)RB_REMOVE(network_tree, &worker->networks, network);
        network_leave(sockets, network);
    }
    (void)pthread_mutex_unlock(&sockets->lock);
    (void)fd_close(worker->listener);
    free(worker);
    return NULL;
}

/* With the lock held. The site of a namespace, with one more network; NULL: errno says why. */
static struct site *site_enter(struct sockets *sockets, int netns)
{
    struct site wanted = {.networks = 0};
    struct site *site = NULL;
    struct stat about;

    if (fstat(netns, &about) < 0) {
        return NULL;
    }
    wanted.place = (struct place){-1, about.st_dev, about.st_ino};
    site = RB_FIND(site_tree, &sockets->sites, &wanted);
    if (!site) {
        wanted.place.netns = fcntl(netns, F_DUPFD_CLOEXEC, 3);
        if (wanted.place.netns < 0) {
            return NULL;
        }
        site = NEW(struct site);
        site->place = wanted.place;
        (void)RB_INSERT(site_tree, &sockets->sites, site);
    }
    site->networks++;
    return site;
}

int sockets_grant(struct sockets_worker *worker, int netns, uint32_t *ret_id, struct fault *why)
{
    struct network *network = NULL;
    struct site *site = NULL;
    int failed = 0;

    if (worker->networks_count >= SOCKETS_NETWORKS_MAX || worker->last_id == UINT32_MAX) {
        return fault(why, FAULT_LIMIT, "a worker serves at most %d networks", SOCKETS_NETWORKS_MAX);
    }
    (void)pthread_mutex_lock(&worker->sockets->lock);
    site = site_enter(worker->sockets, netns);
    failed = errno;
    if (site) {
        network = NEW(struct network);
        network->users = 1;
        network->site = site;
        network->id = ++worker->last_id;
        worker->networks_count++;
        (void)RB_INSERT(network_tree, &worker->networks, network);
        *ret_id = network->id;
    }
    (void)pthread_mutex_unlock(&worker->sockets->lock);
    return site ? 0 : fault_sys(why, -failed, "keep a network namespace for sockets");
}

void sockets_revoke(struct sockets_worker *worker, uint32_t id)
{
    struct network wanted = {.id = id};
    struct network *network = NULL;

    (void)pthread_mutex_lock(&worker->sockets->lock);
    network = RB_FIND(network_tree, &worker->networks, &wanted);
    if (network) {
        (void)RB_REMOVE(network_tree, &worker->networks, network);
        worker->networks_count--;
        network_leave(worker->sockets, network); /* the tree's own use of it */
    }
    (void)pthread_mutex_unlock(&worker->sockets->lock);
}

void sockets_read_counts(struct sockets *sockets, struct sockets_counts *ret)
{
    (void)pthread_mutex_lock(&sockets->lock);
    *ret = sockets->counts;
    (void)pthread_mutex_unlock(&sockets->lock);
}
