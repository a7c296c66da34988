/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what CreateSandbox asks for to the files of the sandbox's bundle.
 *
 * Belongs here: reading runtime.v1.PodSandboxConfig, and writing as an OCI spec what containerd's own
 * podsandbox would have written for a pause. A pure function.
 * Does not belong here: the files themselves (shim/pod/sandbox.h), the call (sandbox_create.c).
 */
#pragma once

#include "base/attr.h"
#include "shim/pod/sandbox.h"
#include "shim/proto/sandbox.pb-c.h"

struct fault;

/* Bytes of a resolv.conf that is made from a pod's DNS settings. */
enum { SANDBOX_RESOLV_CONF_MAX = 64 * 1024 };

/**
 * sandbox_config() - the files of a sandbox
 * @request: from containerd
 * @ret:     for sandbox_files_fini(), also after a failure
 * @why:     FAULT_INVALID naming the member, FAULT_LIMIT, or as message_unpack()
 *
 * Return: 0 or negative. Thread: any.
 */
int sandbox_config(const Sandbox__CreateSandboxRequest *request, struct sandbox_files *ret,
                   struct fault *why) MUST_USE;
