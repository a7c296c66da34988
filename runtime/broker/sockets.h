/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets: socket(2) of workers, answered from the namespaces of their pods.
 *
 * A worker's filter sends each call here (runtime/sandbox/notify.h). Two threads take calls, ask
 * the switchboard for whom the calling thread acts, look whether that network was given to this
 * very worker, make the socket in its namespace as the worker's user, and put it into the worker.
 *
 * Belongs here: who may have which socket, from where, how often (requests.def).
 * Does not belong here: where sockets connect to (the engine and the network's own policy),
 * listeners of servers (listen.h).
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "runtime/broker/requests.h"

struct fault;
struct sockets;
struct sockets_worker;
struct switchboard;

/* Networks of one worker at once. */
enum { SOCKETS_NETWORKS_MAX = 65536 };

struct sockets_options {
    uint32_t user;               /* the workers', also as group: sockets are theirs */
    struct request_rate network; /* {0, 0}: as requests.def says */
    struct request_rate worker;
};

/* How often what came of a call; for tests, the log and the bench. */
struct sockets_counts {
    uint64_t served;
    uint64_t refused; /* no network, a foreign one, not on the list, too often */
    uint64_t stale;   /* the thread was gone before its answer */
    uint64_t paused;  /* a worker had to wait for its turn */
};

/**
 * sockets_new() - start the threads
 * @options: copied
 * @ret:     the sockets
 * @why:     the reason
 *
 * Return: 0 or negative.
 */
int sockets_new(const struct sockets_options *options, own struct sockets **ret,
                struct fault *why) MUST_USE;

/* Ends the threads; every worker must be dismissed before. NULL in, NULL out. */
struct sockets *sockets_free(own struct sockets *sockets);
DEFINE_AUTO(struct sockets *, sockets_free)

/**
 * sockets_admit() - serve a worker
 * @sockets:  the sockets
 * @listener: of its filter; passes to the callee, whatever the result
 * @board:    the worker's switchboard; borrowed until sockets_dismiss()
 * @ret:      the worker, without networks
 * @why:      FAULT_INVALID when the descriptor is no listener
 *
 * Return: 0 or negative.
 */
int sockets_admit(struct sockets *sockets, own int listener, const struct switchboard *board,
                  own struct sockets_worker **ret, struct fault *why) MUST_USE;

/* Serves it no more: its calls fail with ENOSYS. Waits for an answer that is being given. NULL in,
 * NULL out. */
struct sockets_worker *sockets_dismiss(own struct sockets_worker *worker);
DEFINE_AUTO(struct sockets_worker *, sockets_dismiss)

/**
 * sockets_grant() - let a worker make sockets in a namespace
 * @worker: the worker
 * @netns:  the namespace; duplicated
 * @ret_id: the number for the switchboard; never 0, none that this worker had before
 * @why:    FAULT_LIMIT beyond SOCKETS_NETWORKS_MAX
 *
 * Return: 0 or negative.
 */
int sockets_grant(struct sockets_worker *worker, int netns, uint32_t *ret_id,
                  struct fault *why) MUST_USE;

/* No sockets there any more; those that it has stay. 0 and unknown numbers are nothing. */
void sockets_revoke(struct sockets_worker *worker, uint32_t id);

/* Thread: any. */
void sockets_read_counts(struct sockets *sockets, struct sockets_counts *ret);

/**
 * sockets_rule() - the white list: what kinds of sockets there are for pods
 * @domain, @type, @protocol: as the system call was given them, in 64 bits
 *
 * TCP and UDP over IPv4 and IPv6. After socket(2): another family is EAFNOSUPPORT, another type or
 * protocol EPROTONOSUPPORT, a flag that does not exist EINVAL.
 *
 * Return: 0 or negative errno. Thread: any.
 */
int sockets_rule(uint64_t domain, uint64_t type, uint64_t protocol);
