/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sockets.c (the tables) and notifier.c (the threads) share.
 *
 * Belongs here: the structs. Nobody else includes it.
 */
#pragma once

#include <bsd/sys/tree.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "runtime/broker/sockets.h"

enum { NOTIFIERS = 2 };

/* A namespace, told from others as long as a descriptor keeps it alive. */
struct place {
    int netns;
    dev_t device;
    ino_t inode;
};

/* A place that networks are in. Ten thousand pods of the node's own network cost one descriptor. */
struct site {
    RB_ENTRY(site) link;
    unsigned networks; /* that are in it */
    struct place place;
};
RB_HEAD(site_tree, site);

struct network {
    RB_ENTRY(network) link;
    uint32_t id;
    unsigned users; /* the table and every thread that answers from it */
    struct site *site;
    struct request_bucket bucket;
};
RB_HEAD(network_tree, network);

struct sockets_worker {
    RB_ENTRY(sockets_worker) link;
    struct sockets *sockets;
    uint64_t number; /* of this worker among all that ever were */
    int listener;
    const struct switchboard *board;
    struct network_tree networks;
    uint32_t networks_count;
    uint32_t last_id;
    unsigned users; /* threads that answer it */
    bool is_gone;   /* no call can come any more */
    struct request_bucket bucket;
    uint64_t paused_until_ns; /* 0: it waits for nothing */
};

RB_HEAD(worker_tree, sockets_worker);

struct sockets {
    pthread_mutex_t lock; /* of all below, and of the tables of all workers */
    pthread_cond_t left;  /* a worker has no users any more */
    struct worker_tree workers;
    struct site_tree sites;
    uint64_t last_number;
    unsigned paused; /* workers that wait for their turn */
    struct sockets_counts counts;
    struct sockets_options options;
    int epoll;
    struct place home; /* where the threads begin and rest */
    int end; /* an eventfd: readable when the threads are to end */
    pthread_t threads[NOTIFIERS];
    unsigned threads_count;
};

/* The threads' body; @argument is the sockets. */
void *notifier_run(void *argument);

/* Waits for the next call of a worker. With the lock held. */
void sockets_listen(struct sockets *sockets, const struct sockets_worker *worker, int operation);

/* With the lock held: the worker of an event, or NULL; and whoever's turn has come. */
struct sockets_worker *sockets_find(struct sockets *sockets, uint64_t number);
void sockets_resume(struct sockets *sockets, uint64_t now_ns);

/* With the lock held: the network, with one more user, or NULL. */
struct network *network_use(struct sockets_worker *worker, uint32_t id);
void network_leave(struct sockets *sockets, struct network *network);
