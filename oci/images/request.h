/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the image reader: those that wait and those that were sent, each told once.
 *
 * Belongs here: their memory, deadlines, tries.
 * Does not belong here: the child that answers them (reader.c).
 *
 * Whatever tells a request calls its owner, who may free the reader and with it close the list:
 * after such a call nothing of it may be touched but by these functions, while the memory is held.
 */
#pragma once

#include <bsd/sys/queue.h>

#include "oci/images/protocol.h"

struct loop;
struct loop_timer;
struct requests;

enum {
    REQUEST_SECONDS = 10,
    REQUEST_TRIES = 2,
};

struct image_request {
    TAILQ_ENTRY(image_request) link;
    struct requests *list;
    struct protocol_question question;
    struct loop_timer *deadline;
    image_fn *fn;
    void *owner;
    int file;
    unsigned tries;       /* how often it was sent */
    bool sent;            /* to the child that lives */
    bool suspect;         /* a child died while it held this one */
    struct fault refused; /* never sent: it cannot be asked */
};

TAILQ_HEAD(request_list, image_request);

/* Embedded. */
struct requests {
    struct loop *loop;
    struct request_list waiting;
    struct request_list sent;
    unsigned suspects;
    uint32_t last_id;
    bool closed;
    void (*on_late)(void *owner, struct image_request *request); /* past its deadline */
    void *owner;
};

void requests_init(struct requests *requests, struct loop *loop,
                   void (*on_late)(void *owner, struct image_request *request), void *owner);
/* Forgets all; nobody is told. */
void requests_close(struct requests *requests);

struct image_request *request_new(struct requests *requests, enum protocol_kind kind,
                                  image_fn *fn, void *owner);
void request_remove(struct image_request *request);

/**
 * request_end() - remove it and tell its owner
 * @request: dead afterwards
 * @image:   what was found; its descriptor passes to the owner; or NULL
 * @failed:  the reason, else NULL
 */
void request_end(struct image_request *request, struct image *image, const struct fault *failed);

/* Return: the request, or NULL when there is none of that id (any more). */
struct image_request *requests_find(struct requests *requests, uint32_t id);

void requests_fail_all(struct requests *requests, const struct fault *why);

/* The child is dead: what it held is unsent again, or ends by @why when it has no try left. */
void requests_settle(struct requests *requests, const struct fault *why);

/**
 * requests_next() - which may be sent now?
 * @requests: the list
 *
 * While there are suspects, one is sent at a time, so that it is known who kills. Those that were
 * refused from the start are ended on the way.
 *
 * Return: the request, or NULL.
 */
struct image_request *requests_next(struct requests *requests);

void request_was_sent(struct image_request *request);
