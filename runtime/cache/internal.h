/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share.
 *
 * Belongs here: the folder and the list of entries that were checked. Nobody else includes it.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/attr.h"
#include "base/digest.h"

enum { CHECKED_MAX = 4096, CACHE_NAME_ROOM = 80 };

/* A file whose digest was computed in this process. */
struct checked {
    dev_t dev;
    ino_t inode;
    off_t size;
    struct timespec changed;
    char hex[DIGEST_HEX_ROOM];
};

struct cache {
    int dir;
    uint64_t bytes;
    pthread_mutex_t lock;    /* guards all below */
    struct checked *checked; /* a ring of CHECKED_MAX */
    size_t checked_count;
    size_t checked_next;
    unsigned drafts; /* numbers the names of drafts */
};

/* "KEY.cwasm" and the like; @suffix starts with its dot. */
void cache_name(const char *key, const char *suffix, char ret[CACHE_NAME_ROOM]);
