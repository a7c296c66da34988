/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "shim/ttrpc/message.h"

static void pair_fill(Types__Pair *pair, const char *key, const char *value)
{
    *pair = (Types__Pair)TYPES__PAIR__INIT;
    pair->key = TEXT(key);
    pair->value = TEXT(value);
}

void pod_fill(struct pod *pod)
{
    pod->config = (Cri__PodSandboxConfig)CRI__POD_SANDBOX_CONFIG__INIT;
    pod->about = (Cri__PodSandboxMetadata)CRI__POD_SANDBOX_METADATA__INIT;
    pod->part = (Cri__LinuxPodSandboxConfig)CRI__LINUX_POD_SANDBOX_CONFIG__INIT;
    pod->security =
        (Cri__LinuxSandboxSecurityContext)CRI__LINUX_SANDBOX_SECURITY_CONTEXT__INIT;
    pod->option = (Cri__NamespaceOption)CRI__NAMESPACE_OPTION__INIT;
    pod->dns = (Cri__DNSConfig)CRI__DNSCONFIG__INIT;
    pod->about.name = TEXT("web");
    pod->about.namespace_ = TEXT("team");
    pod->about.uid = TEXT("u-1");
    pod->servers[0] = TEXT("10.0.0.1");
    pod->servers[1] = TEXT("10.0.0.2");
    pod->searches[0] = TEXT("a.local");
    pod->searches[1] = TEXT("b.local");
    pod->options[0] = TEXT("ndots:5");
    pod->dns.n_servers = 2;
    pod->dns.servers = pod->servers;
    pod->dns.n_searches = 2;
    pod->dns.searches = pod->searches;
    pod->dns.n_options = 1;
    pod->dns.options = pod->options;
    pair_fill(&pod->notes[0], "skep.dev/port", "81");
    pair_fill(&pod->notes[1], "other/thing", "no");
    pod->note_list[0] = &pod->notes[0];
    pod->note_list[1] = &pod->notes[1];
    pair_fill(&pod->sysctl, "net.core.somaxconn", "7");
    pod->sysctl_list[0] = &pod->sysctl;
    pod->config.metadata = &pod->about;
    pod->config.hostname = TEXT("web-1");
    pod->config.dns_config = &pod->dns;
    pod->config.n_annotations = 2;
    pod->config.annotations = pod->note_list;
    pod->config.linux_part = &pod->part;
    pod->part.security_context = &pod->security;
    pod->part.n_sysctls = 1;
    pod->part.sysctls = pod->sysctl_list;
    pod->security.namespace_options = &pod->option;
    pod->option.pid = CRI__NAMESPACE_MODE__CONTAINER;
    pod->type = CONFIG;
    pod->netns = "/run/netns/n";
}

void sandbox_begin(struct world *world, struct ask *ask, const char *id, const struct pod *pod)
{
    Sandbox__CreateSandboxRequest request = SANDBOX__CREATE_SANDBOX_REQUEST__INIT;
    Types__Any options = TYPES__ANY__INIT;
    uint8_t bytes[4096];
    char bundle[128];

    (void)snprintf(bundle, sizeof(bundle), "%s/%s", world->folder, id);
    (void)mkdir(bundle, 0700);
    request.sandbox_id = TEXT(id);
    request.bundle_path = bundle;
    if (pod) {
        assert_true(cri__pod_sandbox_config__get_packed_size(&pod->config) <= sizeof(bytes));
        options.type_url = TEXT(pod->type);
        options.value.data = bytes;
        options.value.len = cri__pod_sandbox_config__pack(&pod->config, bytes);
        request.options = &options;
        request.netns_path = TEXT(pod->netns);
    }
    world->task_service = "containerd.runtime.sandbox.v1.Sandbox";
    ask_begin(world, ask, "CreateSandbox", &request.base);
    ask_await(ask);
}

void sandbox_ok(struct world *world, const char *id, const struct pod *pod)
{
    struct ask ask;

    sandbox_begin(world, &ask, id, pod);
    if (ask.refused) {
        fail_msg("the sandbox %s was refused: %s", id, ask.why.text);
    }
    assert_int_equal(ask.length, 0);
}

void sandbox_refused(struct world *world, const char *id, const struct pod *pod,
                     enum fault_kind kind, const char *text)
{
    struct ask ask;

    sandbox_begin(world, &ask, id, pod);
    assert_true(ask.refused);
    assert_string_equal(ask.why.text, text);
    assert_int_equal(ask.why.kind, kind);
    assert_null(pods_find(world->pods, "ns", id));
}

void by_id_begin(struct world *world, struct ask *ask, const char *method, const char *id)
{
    Sandbox__StartSandboxRequest request = SANDBOX__START_SANDBOX_REQUEST__INIT;

    request.sandbox_id = TEXT(id);
    world->task_service = "containerd.runtime.sandbox.v1.Sandbox";
    ask_begin(world, ask, method, &request.base);
}

ProtobufCMessage *by_id(struct world *world, const char *method, const char *id,
                        const ProtobufCMessageDescriptor *type)
{
    Sandbox__StartSandboxRequest request = SANDBOX__START_SANDBOX_REQUEST__INIT;

    request.sandbox_id = TEXT(id);
    world->task_service = "containerd.runtime.sandbox.v1.Sandbox";
    return ask_ok(world, method, &request.base, type);
}

void by_id_refused(struct world *world, const char *method, const char *id, enum fault_kind kind,
                   const char *text)
{
    Sandbox__StartSandboxRequest request = SANDBOX__START_SANDBOX_REQUEST__INIT;

    request.sandbox_id = TEXT(id);
    world->task_service = "containerd.runtime.sandbox.v1.Sandbox";
    ask_refused(world, method, &request.base, kind, text);
}

uint32_t start_sandbox(struct world *world, const char *id)
{
    AUTO(message_free) ProtobufCMessage *message =
        by_id(world, "StartSandbox", id, &sandbox__start_sandbox_response__descriptor);
    const Sandbox__StartSandboxResponse *response = (const void *)message;

    assert_non_null(response->created_at);
    assert_true(response->created_at->seconds > 0);
    return response->pid;
}
