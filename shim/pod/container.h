/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container: containerd's task by (namespace, id), with its init and its execs.
 *
 * Belongs here: identity, and the lifetime of what all its guests share: root file system,
 * network namespace, the counters of guests that are gone.
 * Does not belong here: a guest's own life (guest.h), the table of containers (pods.h).
 */
#pragma once

#include <bsd/sys/tree.h>

#include "oci/images/reader.h"
#include "shim/pod/guest.h"

struct loop;
struct netns;
struct pods;

enum { CONTAINER_EXECS_MAX = 256 };

/* How the container's guests reach the network, as other containers of the pod see it. */
enum container_network {
    CONTAINER_NETWORK_NODE,
    CONTAINER_NETWORK_PATH, /* netns_path */
    CONTAINER_NETWORK_OWN,  /* netns, kept alive by a parked thread */
};

/* What Kubernetes calls it, for people and metrics; at most CONTAINER_WORD_MAX bytes. */
enum container_word {
    CONTAINER_POD_NAMESPACE,
    CONTAINER_POD,
    CONTAINER_NAME, /* in its pod */
    CONTAINER_IMAGE,
    CONTAINER_WORDS,
};

enum { CONTAINER_WORD_MAX = 255 };

TAILQ_HEAD(guest_list, guest);
TAILQ_HEAD(container_list, container);

struct container {
    RB_ENTRY(container) link;    /* in pods */
    RB_ENTRY(container) by_pid;  /* of a sandbox that is prepared */
    bool has_pid;                /* is in it */
    struct pods *pods;
    char namespace_id[IDENTIFIER_MAX + 1];
    char id[IDENTIFIER_MAX + 1];
    own char *bundle; /* absolute */
    own char *domain; /* isolation domain; NULL until it is prepared */
    own char *pod;    /* its pod within its domain: they may be linked; NULL: alone, or not prepared */
    bool is_sandbox;  /* a pod's pause container, or what is in its place */
    bool is_api_sandbox; /* made by the Sandbox API: its bundle holds the pod's files, and it is no
                            task, so nobody is told its events */
    struct container *sandbox;       /* the API sandbox that it is in, or NULL */
    TAILQ_ENTRY(container) fellows;  /* in its list */
    struct container_list members;   /* of an API sandbox */
    own struct engine_counters *members_past; /* of members that are gone; NULL: there were none */
    own char *words[CONTAINER_WORDS]; /* by enum container_word; NULL: none */
    enum image_form form;
    own char *rootfs; /* absolute folder on the node; NULL: the component comes from its image */
    bool rootfs_mounted;
    enum container_network network;
    own char *netns_path;
    own struct netns *netns;
    struct engine_counters past; /* of execs that were deleted */
    uint64_t own_ns;             /* that its creation and its stats took here */
    struct guest init;
    struct guest_list execs; /* in the order of their creation */
    size_t execs_count;
    bool is_gone; /* being torn down: nobody sees it any more */
    void (*on_gone)(void *owner); /* told once, when it is freed; shim/task's */
    void *on_gone_owner;
};

/**
 * container_new() - a container outside any table, its init PREPARING
 * @namespace_id: 1 to IDENTIFIER_MAX bytes; copied
 * @id:           the same
 * @bundle:       absolute path; copied
 *
 * Return: the container, owned by the caller.
 */
own struct container *container_new(const char *namespace_id, const char *id,
                                    const char *bundle) MUST_USE;

/* Its execs and all stdio must be gone; container_release() must have ended. NULL in, NULL out. */
struct container *container_free(own struct container *container);
DEFINE_AUTO(struct container *, container_free)

/**
 * container_find_exec() - one of its execs
 * @container: the container
 * @exec_id:   containerd's
 *
 * Return: the exec, borrowed, or NULL.
 */
struct guest *container_find_exec(struct container *container, const char *exec_id);

/**
 * container_admit_exec() - take in a new exec, PREPARING
 * @container: the container
 * @exec_id:   an identifier; copied
 * @ret:       the exec, borrowed until container_remove_exec()
 * @why:       FAULT_EXISTS, FAULT_LIMIT
 *
 * Return: 0 or negative.
 */
int container_admit_exec(struct container *container, const char *exec_id, struct guest **ret,
                         struct fault *why) MUST_USE;

/* Forgets and frees an exec whose stdio is gone; what it used stays counted. */
void container_remove_exec(struct guest *exec);

/* The guest by containerd's exec id, "" being the init; NULL when there is none. */
struct guest *container_guest(struct container *container, const char *exec_id);

/* Sum over all guests, also those that are gone. */
void container_counters(const struct container *container, struct engine_counters *ret);

/* It is in that API sandbox from now on, until container_part(). */
void container_join(struct container *container, struct container *sandbox);

/* It leaves its sandbox, which keeps what it has used; its own members have none any more. Before it
 * is freed. */
void container_part(struct container *container);

/* Sum over all that are or were in an API sandbox. */
void container_pod_counters(const struct container *sandbox, struct engine_counters *ret);

/* How long its requests took. Return: whether there were any; @ret is untouched if not. */
bool container_latency(const struct container *container, struct engine_latency *ret) MUST_USE;

/**
 * container_release() - let go of what blocks: mounts, the network namespace
 * @container: no guest of it runs; must live until @done
 * @loop:      the loop
 * @done:      called in a later turn
 * @owner:     for @done
 */
void container_release(struct container *container, struct loop *loop, void (*done)(void *owner),
                       void *owner);
