/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces: opening one, visiting one, and making one for a task alone.
 *
 * Belongs here: entering and leaving; the thread that keeps a private namespace alive and whose
 * TID people and containerd can look under /proc.
 * Does not belong here: sockets (listen.h), addresses and routes (the network plugins).
 */
#pragma once

#include "base/attr.h"

struct fault;
struct netns;

/**
 * netns_open() - a network namespace by its path
 * @path: "/proc/PID/ns/net", "/run/netns/NAME"
 * @ret:  descriptor; owned by the caller
 * @why:  the reason; a path that is no network namespace is FAULT_INVALID
 *
 * Return: 0 or negative. Thread: any.
 */
int netns_open(const char *path, int *ret, struct fault *why) MUST_USE;

/**
 * netns_enter() - begin a visit: this thread is in another network namespace until netns_leave()
 * @netns:    where to
 * @ret_home: for netns_leave()
 * @why:      the reason; the thread stayed where it was
 *
 * Return: 0 or negative. Thread: any; other threads are not touched.
 */
int netns_enter(int netns, int *ret_home, struct fault *why) MUST_USE;

/* Ends a visit; ends the program if there is no way back. Return: -1. Thread: the visitor. */
int netns_leave(int home);
DEFINE_AUTO(int, netns_leave)

/**
 * netns_new() - a new network namespace whose only interface is a loopback that is up
 * @ret: the namespace
 * @why: the reason
 *
 * A parked thread lives in it. Blocks for some milliseconds (the kernel's own lock).
 *
 * Return: 0 or negative. Thread: any.
 */
int netns_new(own struct netns **ret, struct fault *why) MUST_USE;

/* Ends the thread and lets go of the namespace. NULL in, NULL out. Thread: any. */
struct netns *netns_free(own struct netns *netns);
DEFINE_AUTO(struct netns *, netns_free)

/* Its descriptor, borrowed. Thread: any. */
int netns_descriptor(const struct netns *netns);

/* The TID of the thread in it: /proc/TID/ns/net is the namespace. Thread: any. */
int netns_tid(const struct netns *netns);
