/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Skep's programs on a node: a folder for each version, and a link that says which one is new.
 *
 *   /opt/skep/versions/ID/{bin,lib,libexec}   never changed once it is there
 *   /opt/skep/current -> versions/ID          what containerd's configuration names
 *
 * Belongs here: copying, the link, removal of versions that nothing runs from any more.
 * Does not belong here: containerd's configuration.
 */
#pragma once

#include "base/attr.h"

struct fault;
struct host;

#define PROGRAMS_FOLDER "/opt/skep"

enum { PROGRAMS_ID_ROOM = 128, PROGRAMS_VERSIONS_MAX = 64 };

struct programs {
    char source[4096];         /* the folder of this installation, as we see it */
    char id[PROGRAMS_ID_ROOM]; /* its name */
    char bin[4200];            /* where containerd finds the shims, as the node sees it */
};

/**
 * programs_find() - the installation that this program belongs to
 * @host: the node; on the node itself programs stay where they are
 * @ret:  source, id, bin
 * @why:  this program is not in a folder bin
 *
 * Return: 0 or negative.
 */
int programs_find(const struct host *host, struct programs *ret, struct fault *why) MUST_USE;

/**
 * programs_copy() - put the version's folder onto the node, if it is not there; nothing uses it yet
 * @host:     the node
 * @programs: which
 * @why:      the reason; a read-only or noexec file system is named
 *
 * Return: 1 when it was copied, 0 when it was there, or negative.
 */
int programs_copy(const struct host *host, const struct programs *programs,
                  struct fault *why) MUST_USE;

/**
 * programs_try() - do they run on this node?
 * @host:     the node
 * @programs: which
 * @why:      what they said
 *
 * Return: 0 or negative.
 */
int programs_try(const struct host *host, const struct programs *programs,
                 struct fault *why) MUST_USE;

/**
 * programs_switch() - make a version the one that new pods get
 * @host: the node
 * @id:   a version; "": none, the link is removed
 * @old:  which it was before, "" for none
 * @why:  the reason
 *
 * Return: 0 or negative.
 */
int programs_switch(const struct host *host, const char *id, char old[PROGRAMS_ID_ROOM],
                    struct fault *why) MUST_USE;

/**
 * programs_sweep() - remove versions
 * @host: the node
 * @keep: the one that stays; "": none does, and the folder goes too when it is empty
 * @why:  the reason
 *
 * A version whose skepd still runs (it holds a lock on its own file) stays for the next time, unless
 * none is to stay.
 *
 * Return: how many are left besides @keep, or negative.
 */
int programs_sweep(const struct host *host, const char *keep, struct fault *why) MUST_USE;
