/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two pods that share addresses, and a captured worker: a child within the filter and its walls.
 *
 * Belongs here: what every test of sockets begins and ends with.
 */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

#include "runtime/broker/sockets.h"

enum { PODS = 2 };

struct pod {
    struct netns *netns;
    int server;
    uint64_t cookie;
};

/* A worker as the supervisor has it. */
struct scene {
    struct pod pods[PODS];
    struct sockets *sockets;
    struct sockets_worker *worker;
    struct switchboard *board;
    uint32_t ids[PODS];
    int pair[2];
    int child;
};

/* What the child's script knows. */
struct script {
    uint32_t *slots;
    uint32_t ids[PODS];
    uint64_t cookies[PODS];
};

/* What the worker does; its exit status. */
typedef int script_fn(const struct script *script);

/* A namespace that has 10.0.0.1 and serves port 80 there. */
void pod_begin(struct pod *pod);

/* Starts a worker with both pods' networks; it waits for scene_go(). */
void scene_begin(struct scene *scene, const struct sockets_options *options, script_fn *run);
void scene_go(struct scene *scene);
int scene_wait(struct scene *scene); /* Return: its status, as of waitpid(2) */
void scene_end(struct scene *scene);

uint64_t cookie_of(int fd);         /* of the namespace of a socket */
struct sockaddr_in the_address(void); /* where both pods serve */
