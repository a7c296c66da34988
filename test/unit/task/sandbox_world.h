/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the service of sandboxes, for tests of it. */
#pragma once

#include "shim/proto/cri.pb-c.h"
#include "shim/proto/sandbox.pb-c.h"
#include "world.h"

#define TEXT(constant) ((char *)(uintptr_t)(constant))
#define CONFIG "runtime.v1.PodSandboxConfig"

/* A pod as the kubelet describes it; what a test wants otherwise, it changes. */
struct pod {
    Cri__PodSandboxConfig config;
    Cri__PodSandboxMetadata about;
    Cri__LinuxPodSandboxConfig part;
    Cri__LinuxSandboxSecurityContext security;
    Cri__NamespaceOption option;
    Cri__DNSConfig dns;
    char *servers[2];
    char *searches[2];
    char *options[1];
    Types__Pair notes[2];
    Types__Pair *note_list[2];
    Types__Pair sysctl;
    Types__Pair *sysctl_list[1];
    const char *type;
    const char *netns;
};

void pod_fill(struct pod *pod);

/* CreateSandbox, answered; @pod NULL: without options. The bundle is a folder of the world's. */
void sandbox_begin(struct world *world, struct ask *ask, const char *id, const struct pod *pod);
void sandbox_ok(struct world *world, const char *id, const struct pod *pod);
void sandbox_refused(struct world *world, const char *id, const struct pod *pod,
                     enum fault_kind kind, const char *text);

/* Requests that are an id, or begin with one, are alike on the wire. */
void by_id_begin(struct world *world, struct ask *ask, const char *method, const char *id);
ProtobufCMessage *by_id(struct world *world, const char *method, const char *id,
                        const ProtobufCMessageDescriptor *type);
void by_id_refused(struct world *world, const char *method, const char *id, enum fault_kind kind,
                   const char *text);
/* Return: the pid that it reports. */
uint32_t start_sandbox(struct world *world, const char *id);
