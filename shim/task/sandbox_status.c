/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SandboxStatus, PingSandbox, Platform and SandboxMetrics: what containerd asks all the time, for every
 * pod. All of it lies in memory.
 */
#include "shim/task/stats.h"
#include "shim/task/verb.h"

struct container *verb_sandbox(const struct service *service, const struct ttrpc_call *call,
                               const char *id, struct fault *why)
{
    struct container *container = verb_container(service, call, id, why);

    if (!container || !container->is_api_sandbox) {
        (void)fault(why, FAULT_NOT_FOUND, "sandbox %.100s", id);
        return NULL;
    }
    return container;
}

void verb_sandbox_status(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Sandbox__SandboxStatusRequest, sandbox__sandbox_status_request__descriptor)
    Sandbox__SandboxStatusResponse response = SANDBOX__SANDBOX_STATUS_RESPONSE__INIT;
    Types__Timestamp started;
    Types__Timestamp ended;
    struct fault why = {0};
    struct container *sandbox = verb_sandbox(owner, call, request->sandbox_id, &why);

    if (!sandbox) {
        ttrpc_refuse(call, &why);
        return;
    }
    started = verb_timestamp(sandbox->init.started);
    ended = verb_timestamp(sandbox->init.ended);
    response.sandbox_id = sandbox->id;
    response.pid = sandbox->init.pid;
    response.state = (char *)(uintptr_t)(sandbox->init.state == GUEST_RUNNING ? "SANDBOX_READY"
                                                                              : "SANDBOX_NOTREADY");
    response.created_at = &started;
    if (sandbox->init.state == GUEST_STOPPED) {
        response.exited_at = &ended;
    }
    ttrpc_answer_message(call, &response.base);
}

void verb_sandbox_ping(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Sandbox__PingRequest, sandbox__ping_request__descriptor)
    struct fault why = {0};

    if (verb_sandbox(owner, call, request->sandbox_id, &why)) {
        ttrpc_answer_message(call, NULL);
    } else {
        ttrpc_refuse(call, &why);
    }
}

/* The node's, not the components': containerd builds a spec for it, and knows none for Wasm. */
void verb_sandbox_platform(void *owner, own struct ttrpc_call *call)
{
#if defined(__x86_64__)
    static const char architecture[] = "amd64";
#elif defined(__aarch64__)
    static const char architecture[] = "arm64";
#else
#error "which architecture is that in the words of Go?"
#endif
    VERB_REQUEST(Sandbox__PlatformRequest, sandbox__platform_request__descriptor)
    Sandbox__PlatformResponse response = SANDBOX__PLATFORM_RESPONSE__INIT;
    Types__Platform platform = TYPES__PLATFORM__INIT;
    struct fault why = {0};

    if (!verb_sandbox(owner, call, request->sandbox_id, &why)) {
        ttrpc_refuse(call, &why);
        return;
    }
    platform.os = (char *)(uintptr_t) "linux";
    platform.architecture = (char *)(uintptr_t)architecture;
    response.platform = &platform;
    ttrpc_answer_message(call, &response.base);
}

/* Of the pod's components; what its Linux containers use is in their own cgroups. */
void verb_sandbox_metrics(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Sandbox__SandboxMetricsRequest, sandbox__sandbox_metrics_request__descriptor)
    AUTO(buf_fini) struct buf bytes = BUF(STATS_BYTES_MAX);
    Sandbox__SandboxMetricsResponse response = SANDBOX__SANDBOX_METRICS_RESPONSE__INIT;
    Types__Metric metric = TYPES__METRIC__INIT;
    Types__Any data = TYPES__ANY__INIT;
    Types__Timestamp now = verb_timestamp(clock_wall());
    struct stats_numbers numbers = {.memory_limit = UINT64_MAX};
    const struct container *member = NULL;
    struct fault why = {0};
    struct container *sandbox = verb_sandbox(owner, call, request->sandbox_id, &why);

    if (!sandbox) {
        ttrpc_refuse(call, &why);
        return;
    }
    container_pod_counters(sandbox, &numbers.counters);
    TAILQ_FOREACH(member, &sandbox->members, fellows) {
        numbers.guests += guest_is_live(&member->init) ? 1 : 0;
    }
    stats_pack(&numbers, &bytes, &data);
    metric.timestamp = &now;
    metric.id = sandbox->id;
    metric.data = &data;
    response.metrics = &metric;
    ttrpc_answer_message(call, &response.base);
}
