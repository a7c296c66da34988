/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs share: the supervisor's insides.
 *
 * Belongs here: the struct. Nobody outside of this room includes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct supervisor {
    struct loop *loop;
    own struct laters *laters;
    own struct compiler *compiler;
    own struct placement *placement;
    own struct kins *kins; /* runs by pod */
    own struct idmaps *idmaps;
    own struct sockets *sockets;
    bool plain;      /* no privileges: ordinary descriptors for folders */
    size_t openings; /* that run off the loop and use @idmaps */
    bool is_closed;  /* freed when the last of them comes back */
};

/* An opening has come back; may be the end of @supervisor. */
void supervisor_opening_done(struct supervisor *supervisor);
