/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: what containerd and its watchers are told of tasks, in order, through one queue.
 *
 * While containerd is away the queue grows to its ceiling, then loses its oldest. An event that
 * containerd refuses is dropped; one that it does not answer is repeated a few times.
 *
 * Belongs here: the queue, its envelope, repetition.
 * Does not belong here: when something is published (each verb), the connection (shim/ttrpc).
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "shim/proto/event.pb-c.h"

struct events;
struct fault;
struct guest;
struct loop;

enum {
    EVENTS_MAX = 65536,
    EVENTS_BYTES_MAX = 64 * 1024 * 1024,
    EVENT_TRIES_MAX = 5, /* of an event that is not answered */
};

/**
 * events_new() - an empty queue
 * @loop:    borrowed, must outlive it
 * @address: containerd's ttrpc socket; "" to publish nowhere
 * @ret:     the queue
 * @why:     the reason
 *
 * Return: 0 or negative.
 */
int events_new(struct loop *loop, const char *address, own struct events **ret,
               struct fault *why) MUST_USE;
/* What is queued is lost. NULL in, NULL out. */
struct events *events_free(own struct events *events);
DEFINE_AUTO(struct events *, events_free)

/* Told when an event was delivered or refused, not when it was dropped for want of room. */
typedef void event_done_fn(void *owner);

/**
 * events_publish() - queue one event
 * @events:       the queue
 * @namespace_id: containerd's namespace
 * @message:      one of event.proto; its name decides topic and type
 * @done:         may be NULL
 * @owner:        for @done
 */
void events_publish(struct events *events, const char *namespace_id,
                    const ProtobufCMessage *message, event_done_fn *done, void *owner);

/* Forget every @done of an owner that goes away. */
void events_forget(struct events *events, const void *owner);

size_t events_queued(const struct events *events);
uint64_t events_dropped(const struct events *events);

/* Those that several verbs publish; nothing about a sandbox of the Sandbox API, which is no task. */
void event_exit(struct events *events, const struct guest *guest);
void event_delete(struct events *events, const struct guest *guest);
