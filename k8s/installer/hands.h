/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hands of an installation: the node's own containerd, its service manager, its CRI socket.
 *
 * Belongs here: command lines. Does not belong here: when (install).
 */
#pragma once

#include "k8s/installer/install.h"

enum { HANDS_WORDS_MAX = 16, HANDS_RESTART_SECONDS = 150 };

struct hands_owner {
    const struct host *host;
    const char *config;     /* containerd's main file, as the node sees it */
    const char *containerd; /* its program: a name or an absolute path */
    const char *restart;    /* a command line, words with blanks between; "": somebody else does it */
    char socket[4096];      /* of CRI, as we see it */
};

extern const struct hands hands;
