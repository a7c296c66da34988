/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations: what a launcher's `start` has announced and no Create has taken up yet.
 *
 * While one lives, the daemon does not end. It also carries over what was found out for the
 * launcher's answer, so that Create need not ask again.
 *
 * Belongs here: the table, its expiry. Does not belong here: finding out (shim/daemon/control).
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/text.h"

struct fault;
struct finding;
struct loop;
struct reservations;
struct spec;

enum {
    RESERVATIONS_MAX = 16384,
    RESERVATION_SECONDS = 120, /* the kubelet's own time-out of a request */
};

struct reservation {
    own struct spec *spec; /* of config.json; NULL when it could not be read */
    own struct finding *finding; /* of its image; NULL for a pause */
    char mode[16];         /* CONTROL_DOMAIN_*: who shares a worker */
};

/* Closes what it holds. NULL in, NULL out. */
struct reservation *reservation_free(own struct reservation *reservation);
DEFINE_AUTO(struct reservation *, reservation_free)

own struct reservations *reservations_new(struct loop *loop) MUST_USE;
struct reservations *reservations_free(own struct reservations *reservations);
DEFINE_AUTO(struct reservations *, reservations_free)

/**
 * reservations_put() - keep a promise for RESERVATION_SECONDS
 * @all:          the table
 * @namespace_id: an identifier
 * @id:           an identifier; an older promise for it is replaced
 * @reservation:  passes to the table on success
 * @why:          FAULT_LIMIT
 *
 * Return: 0 or negative.
 */
int reservations_put(struct reservations *all, const char *namespace_id, const char *id,
                     own struct reservation *reservation, struct fault *why) MUST_USE;

/* Takes it out; NULL when there is none. */
own struct reservation *reservations_take(struct reservations *all, const char *namespace_id,
                                          const char *id);

size_t reservations_count(const struct reservations *all);
