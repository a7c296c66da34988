/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server at a socket of its own, whose methods hold, echo or look at their calls, and one peer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "shim/ttrpc/server.h"
#include "test/unit/ttrpc/raw_peer.h"

struct loop;

enum { HELD_MAX = TTRPC_CALLS_MAX + 8 };

struct server_room {
    struct loop *loop;
    struct ttrpc_server *server;
    char folder[64];
    char path[96];
    struct ttrpc_call *held[HELD_MAX];
    size_t held_count;
    size_t gone_count;
    uint64_t deadline_ns;
    char namespace_id[64];
    struct raw_peer peer;
    struct raw_peer second; /* of tests that need one; they end it themselves */
};

struct text text(const char *terminated);

/* For cmocka_unit_test_setup_teardown(); the state is a struct server_room. */
int set_up(void **state);
int tear_down(void **state);

/* The method that answers one MiB to one byte, and more than a frame holds to anything else. */
void big(void *owner, own struct ttrpc_call *call);

void assert_answer(const struct server_room *room, uint32_t stream, int code,
                   const char *expected);
