/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What prepare.c, prepare_container.c and prepare_exec.c share: the object and its steps.
 *
 * Belongs here: nothing that other rooms need.
 */
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "runtime/broker/netns.h"
#include "runtime/grant/grant.h"
#include "shim/pod/container.h"
#include "shim/pod/network.h"
#include "shim/pod/prepare.h"
#include "shim/pod/rootfs.h"
#include "shim/pod/sandbox.h"

struct finding;
struct pods_tools;
struct spec;

typedef int prepare_step_fn(struct prepare *prepare, struct fault *why);
typedef void prepare_next_fn(struct prepare *prepare);

struct prepare {
    struct guest *guest;
    struct container *container;
    const struct pods_tools *tools;
    prepare_fn *fn;
    prepare_step_fn *step; /* on the pool */
    prepare_next_fn *next; /* on the loop, after the step or the image request */
    struct rootfs_mounts mounts;
    struct sandbox_files files; /* of an API sandbox; still to be written */
    own char *texts[GRANT_TEXTS]; /* paths of the files that the pod's API sandbox has */
    own struct spec *spec;
    struct image image; /* its descriptor until the run takes it */
    own struct finding *finding; /* the reservation's, or asked for by Create */
    struct image_request *request; /* for a hash */
    int component; /* the file of a tar image, or -1 */
    struct network_choice network;
    char mode[16]; /* CONTROL_DOMAIN_*; "" for the default */
    char name[3 * IDENTIFIER_MAX + 8];
    struct fault why;
    bool failed;
    bool in_pool;
    bool cancelled;
};

own struct prepare *prepare_new(struct guest *guest, prepare_fn *fn) MUST_USE;
/* Ends it: frees it, then tells. @failed may lie inside it. */
void prepare_finish(own struct prepare *prepare, const struct fault *failed);
/* Run @step on the pool, then @next on the loop; a failure, or having been cancelled, finishes. */
void prepare_in_pool(struct prepare *prepare, prepare_step_fn *step, prepare_next_fn *next);
/* The same at once, for a step that has nothing to wait for. */
void prepare_here(struct prepare *prepare, prepare_step_fn *step, prepare_next_fn *next);
/* Wait for the container's image, which is asked for unless it was, then @next. */
void prepare_find_image(struct prepare *prepare, prepare_next_fn *next);
/* The last steps: hash what was opened, and load. */
void prepare_opened(struct prepare *prepare);
void prepare_load(struct prepare *prepare);
