/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a sandbox of the Sandbox API: what containerd's own sandboxes keep for their pod.
 *
 * Such a sandbox has no pause, hence no config.json; we write the one that a pause would have, so
 * that the launcher and everything here reads both alike.
 *
 * Belongs here: the files of its bundle. Does not belong here: what is in them (shim/task).
 */
#pragma once

#include "base/attr.h"

struct fault;

/* For each of the pod's files: its name in the bundle, and where its containers see it. */
#define SANDBOX_RESOLV_CONF "resolv.conf"
#define SANDBOX_HOSTS "hosts"
#define SANDBOX_HOSTNAME "hostname"

struct sandbox_files {
    own char *config;      /* config.json */
    own char *hostname;    /* NULL: the node's */
    own char *resolv_conf; /* NULL: as the node's is now */
};

void sandbox_files_fini(struct sandbox_files *files);

/**
 * sandbox_files_write() - config.json, resolv.conf, hosts (the node's) and hostname
 * @bundle: absolute path of the bundle
 * @files:  their content
 * @why:    the reason; FAULT_LIMIT when the node's own are longer than 256 KiB
 *
 * Blocks. Return: 0 or negative. Thread: any.
 */
int sandbox_files_write(const char *bundle, const struct sandbox_files *files,
                        struct fault *why) MUST_USE;
