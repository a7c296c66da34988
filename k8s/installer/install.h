/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting Skep onto a node, and taking it away: the steps in their order, and the way back from each.
 *
 * Belongs here: what follows what. Does not belong here: how containerd is asked and restarted (struct
 * hands; tests have their own), files (change, programs), the cluster (keep).
 */
#pragma once

#include "base/attr.h"
#include "k8s/installer/cri.h"
#include "k8s/installer/host.h"
#include "k8s/installer/programs.h"

struct buf;
struct fault;

/* What is done to a node's containerd. Each: 0 or negative. */
struct hands {
    int (*major)(void *owner, int *ret, struct fault *why);
    int (*dump)(void *owner, struct buf *ret, struct fault *why); /* emptied first */
    int (*restart)(void *owner, struct fault *why);
    int (*loaded)(void *owner, size_t *ret, struct fault *why); /* of config_handlers */
    int (*pods)(void *owner, struct cri_pods *ret, struct fault *why);
};

struct installation {
    struct host host;
    struct programs programs;
    const char *config; /* containerd's main file, as the node sees it */
    unsigned wait_ms;   /* after a restart, for the handlers to come or go */
    const struct hands *hands;
    void *owner; /* of @hands */
};

enum install_answer {
    INSTALL_WAS_THERE, /* nothing was changed */
    INSTALL_DONE,      /* programs or configuration are new, and containerd has the handlers */
    INSTALL_GONE,      /* nothing of Skep is left */
    INSTALL_IN_USE,    /* pods run with it: nothing was changed */
};

/**
 * install_node() - programs, configuration, restart, proof
 * @installation: which node, how
 * @why:          what failed; the configuration is then what it was before, byte for byte, and
 *                containerd runs with it, or the sentence says that it does not
 *
 * containerd is restarted only when it has to be, and only after it has read the new configuration
 * without a complaint (config dump) and with all else in it unchanged. Killed between two steps, the
 * next call goes on.
 *
 * Return: INSTALL_WAS_THERE, INSTALL_DONE, or negative.
 */
int install_node(const struct installation *installation, struct fault *why) MUST_USE;

/**
 * install_remove() - the way back
 * @installation: which node, how
 * @ret_pods:     those for whose sake nothing was changed (INSTALL_IN_USE)
 * @why:          what failed; Skep is installed as before
 *
 * Return: INSTALL_GONE, INSTALL_IN_USE, or negative.
 */
int install_remove(const struct installation *installation, struct cri_pods *ret_pods,
                   struct fault *why) MUST_USE;
