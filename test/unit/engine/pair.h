/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task of two parts: the entry is house.h's, the other one has pipes of its own.
 *
 * Belongs here: what tests of compositions need. Does not belong here: assertions about them.
 */
#pragma once

#include "test/unit/engine/house.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct pair {
    struct house_task task;
    struct engine_part part;
    int output; /* our ends of the part's pipes */
    int error;
};

/* @args are the entry's. */
void pair_prepare(struct pair *pair, const char *const *args);

/* The part's arguments; end with NULL. */
void pair_say(struct pair *pair, const char *const *args);

/* Free what pair_prepare() made; after its end. */
void pair_done(struct pair *pair);

enum { PAIR_PATH = 32 };

/* A new folder with one file in it. Return: its descriptor. */
int pair_folder(char path[PAIR_PATH], const char *name, const char *text);
void pair_folder_remove(const char *path, const char *name);
