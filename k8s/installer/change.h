/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of containerd's configuration: of the main file, of the file of our own, or of both; done,
 * or taken back byte for byte.
 *
 * Belongs here: reading what is there, deciding (config), writing, undoing.
 * Does not belong here: asking containerd, restarting it (install).
 */
#pragma once

#include "k8s/installer/config.h"
#include "k8s/installer/host.h"

struct change_file {
    char path[CONFIG_PATH_ROOM]; /* "": there is no such file in this change */
    bool was_there;
    bool stays; /* is there afterwards */
    struct host_file before;
    struct host_file after;
};

struct change {
    struct change_file main;
    struct change_file drop_in;
    bool made_folder;  /* that of our own file, now */
    bool takes_folder; /* it was made for our own file, which goes */
    bool has_ours;     /* there was something of ours before */
};

void change_fini(struct change *change);
UNUSED static inline void change_fini_auto(struct change *held)
{
    change_fini(held);
}
struct change_question {
    const struct host *host;
    const char *path;     /* of the main file */
    int containerd;       /* its major version */
    const char *programs; /* the folder of the shims; NULL: everything of ours goes */
};

/**
 * change_plan() - read what is there, decide what is to be there
 * @question: of which node
 * @ret:      the change; for change_fini() also after a failure
 * @why:      the reason; FAULT_EXISTS: somebody else's file has the name of ours
 *
 * Nothing is written. Return: 0 or negative.
 */
int change_plan(const struct change_question *question, struct change *ret,
                struct fault *why) MUST_USE;
/* Would anything be written? */
bool change_is_needed(const struct change *change);

/**
 * change_do() - write it
 * @host:   the node
 * @change: planned
 * @why:    the reason; what was written by then has been taken back
 *
 * Return: 0 or negative.
 */
int change_do(const struct host *host, struct change *change, struct fault *why) MUST_USE;

/**
 * change_undo() - the bytes, modes and owners of before
 * @host:   the node
 * @change: done, in part or whole
 * @why:    the reason
 *
 * Return: 0 or negative.
 */
int change_undo(const struct host *host, struct change *change, struct fault *why) MUST_USE;
