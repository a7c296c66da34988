/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config.json of a container without Wasm, made to fit a pod whose pause is virtual.
 *
 * Belongs here: its lists of namespaces and mounts; every other byte stays.
 * Does not belong here: making what they name (pod_namespaces.h), the order of steps (native.c).
 */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "shim/launcher/span.h"

enum { ID_BYTES_MAX = 128 };

/* The pod as its containers meet it. */
struct pod_view {
    char id[ID_BYTES_MAX];
    char bundle[PATH_MAX]; /* absolute: the pause's, or that of its API sandbox */
    struct span pause;     /* the config.json in it */
    bool is_api_sandbox;   /* its bundle also holds the pod's files, which nobody else mounts */
    long pause_pid;        /* the number that we reported for the pause */
};

/* The namespace of a kind in a config.json; begin NULL when there is none. */
struct span edit_namespace(struct span spec, const char *kind);

/* The pid in the path "/proc/PID/ns/KIND" of a namespace; 0 for any other path or none. */
long edit_namespace_pid(struct span spec, const char *kind);

/**
 * edit_config() - write the config.json of this folder anew
 * @spec: what it holds
 * @pod:  where the container's namespaces and files are
 *
 * Ends the program with a sentence on failure.
 */
void edit_config(struct span spec, const struct pod_view *pod);
