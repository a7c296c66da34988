/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding: from what is asked for to what is granted. The one place of policy, a pure function.
 *
 * Asked for less than a component has anyway: ignored, and listed in words. Asked for more than a
 * component can have: refused, naming the member of config.json.
 *
 * Belongs here: the table from the OCI spec to a grant.
 * Does not belong here: reading the spec (runtime/spec), opening anything (runtime/broker).
 */
#pragma once

#include <stdbool.h>

#include "runtime/grant/grant.h"

struct spec;
struct spec_resources;

/* What the spec does not say. */
struct decide_input {
    const char *rootfs; /* absolute folder on the node with the container's root file system, whose
                           args[0] is the component; NULL: the component comes from its image */
    bool is_sandbox;    /* a pod's pause container: nothing of it runs */
    const char *texts[GRANT_TEXTS]; /* the pod's own files for the network, where no mount is at their
                                       place; NULL: it has none */

    /* Is the source of a bind mount a single file? NULL: all are folders. */
    bool (*is_file)(void *owner, const char *source);
    void *owner;
};

/**
 * decide() - the grant of a container
 * @spec:  what is asked for
 * @input: the rest
 * @ret:   the grant
 * @why:   FAULT_INVALID, FAULT_UNSUPPORTED, FAULT_DENIED or FAULT_LIMIT: a sentence that names the
 *         member and says what to do
 *
 * Return: 0 or negative. Thread: any.
 */
int decide(const struct spec *spec, const struct decide_input *input, own struct grant **ret,
           struct fault *why) MUST_USE;

/* Does decide() ask @input->is_file about this spec? Thread: any. */
bool decide_asks(const struct spec *spec);

/**
 * decide_exec() - the grant of another process in a container
 * @container: the container's grant
 * @spec:      from spec_parse_process()
 * @ret:       arguments, environment and cwd of @spec, everything else as @container has it
 * @why:       as decide()
 *
 * Return: 0 or negative. Thread: any.
 */
int decide_exec(const struct grant *container, const struct spec *spec, own struct grant **ret,
                struct fault *why) MUST_USE;

/**
 * decide_limits() - limits alone, for a task's update
 * @resources: from linux.resources
 * @limits:    in: what holds; out: with the new values of what @resources says
 * @why:       as decide()
 *
 * Return: 0 or negative. Thread: any.
 */
int decide_limits(const struct spec_resources *resources, struct grant_limits *limits,
                  struct fault *why) MUST_USE;
