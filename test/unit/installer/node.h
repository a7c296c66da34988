/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node for tests: a folder for its root, and a containerd that reads the files in it.
 *
 * Belongs here: what an installation asks a node. Does not belong here: any expectation.
 */
#pragma once

#include "k8s/installer/install.h"

#define NODE_MAIN "/etc/containerd/config.toml"
#define NODE_DROP_IN "/etc/containerd/conf.d/skep.toml"

struct node_world {
    char folder[64];
    struct installation in;
    /* How its containerd is. */
    int major;
    bool breaks;        /* cannot read a configuration with our tables */
    bool forgets;       /* an import takes the place of the main file's settings */
    bool refuses;       /* does not start with our tables */
    bool is_down;       /* after that: does not start with any */
    bool clings;        /* does not start without our tables */
    bool hides;         /* starts, and does not have the handlers */
    size_t pods;
    /* What was seen. */
    size_t loaded;
    int restarts;
    int calls;
    int die_at; /* the call in which the installer is killed; 0: never */
};

/* @main: the text of the main file, NULL for none. */
void node_make(struct node_world *world, int major, const char *main, bool has_folder);
void node_end(struct node_world *world);
/* A file of the node as text for free(), NULL when it is not there. */
char *node_file(const struct node_world *world, const char *path);
void node_write(const struct node_world *world, const char *path, const char *text);
bool node_has(const struct node_world *world, const char *path);
