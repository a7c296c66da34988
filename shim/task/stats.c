/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stats: our counters in the words of cgroups, because every reader of containerd's stats expects
 * those, and refuses all containers of the node when one answers in others. Asked every second for
 * every container: counters are read from shared memory, nothing waits.
 *
 * A server that nobody asks has no instance and uses nothing, but metrics-server takes a 0 of
 * either CPU or memory for a failed measurement, and an autoscaler then keeps the pod. So what we
 * use for the container ourselves counts as well: the time of its creation and of these answers,
 * and its record. The clock is the one on the wall: the thread's own is ten times as dear, and
 * twice for each of 10,000 answers it would be a tenth of what a scrape may cost.
 */
#include "shim/task/stats.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "runtime/grant/grant.h"
#include "shim/proto/cgroup1.pb-c.h"
#include "shim/proto/cgroup2.pb-c.h"
#include "shim/task/verb.h"

/* The Prometheus collector takes the version of the host alone, which stays while it runs. */
static bool host_is_unified(void)
{
    static enum { NOT_ASKED, UNIFIED, OF_VERSION_1 } answer;
    struct statfs status;

    if (answer == NOT_ASKED) {
        bool is = statfs("/sys/fs/cgroup", &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;

        answer = is ? UNIFIED : OF_VERSION_1;
    }
    return answer == UNIFIED;
}

static void numbers_read(const struct container *container, struct stats_numbers *ret)
{
    const struct grant *grant = container->init.grant;
    const struct guest *exec = NULL;

    container_counters(container, &ret->counters);
    ret->counters.cpu_ns += container->own_ns;
    if (guest_is_live(&container->init)) {
        ret->counters.memory_bytes += sizeof(*container);
    }
    ret->memory_limit = grant && grant->limits.memory_bytes != 0 ? grant->limits.memory_bytes
                                                                 : UINT64_MAX;
    ret->guests = guest_is_live(&container->init) ? 1 : 0;
    TAILQ_FOREACH(exec, &container->execs, link) {
        ret->guests += guest_is_live(exec) ? 1 : 0;
    }
}

static const char *pack_v2(const struct stats_numbers *numbers, struct buf *ret)
{
    Cgroup2__Metrics metrics = CGROUP2__METRICS__INIT;
    Cgroup2__PidsStat pids = CGROUP2__PIDS_STAT__INIT;
    Cgroup2__CPUStat cpu = CGROUP2__CPUSTAT__INIT;
    Cgroup2__MemoryStat memory = CGROUP2__MEMORY_STAT__INIT;
    Cgroup2__IOStat io = CGROUP2__IOSTAT__INIT;
    Cgroup2__MemoryEvents events = CGROUP2__MEMORY_EVENTS__INIT;

    pids.current = numbers->guests;
    cpu.usage_usec = numbers->counters.cpu_ns / 1000;
    cpu.user_usec = cpu.usage_usec;
    cpu.nr_periods = numbers->counters.periods;
    cpu.nr_throttled = numbers->counters.throttled_periods;
    cpu.throttled_usec = numbers->counters.throttled_ns / 1000;
    memory.usage = numbers->counters.memory_bytes;
    memory.anon = memory.usage;
    memory.active_anon = memory.usage;
    memory.max_usage = numbers->counters.memory_peak;
    memory.usage_limit = numbers->memory_limit;
    events.oom = numbers->counters.oom;
    events.oom_kill = numbers->counters.oom;
    metrics.pids = &pids;
    metrics.cpu = &cpu;
    metrics.memory = &memory;
    metrics.io = &io;
    metrics.memory_events = &events;
    message_pack(&metrics.base, ret);
    return "io.containerd.cgroups.v2.Metrics";
}

static const char *pack_v1(const struct stats_numbers *numbers, struct buf *ret)
{
    Cgroup1__Metrics metrics = CGROUP1__METRICS__INIT;
    Cgroup1__PidsStat pids = CGROUP1__PIDS_STAT__INIT;
    Cgroup1__CPUStat cpu = CGROUP1__CPUSTAT__INIT;
    Cgroup1__CPUUsage usage = CGROUP1__CPUUSAGE__INIT;
    Cgroup1__Throttle throttling = CGROUP1__THROTTLE__INIT;
    Cgroup1__MemoryStat memory = CGROUP1__MEMORY_STAT__INIT;
    Cgroup1__MemoryEntry used = CGROUP1__MEMORY_ENTRY__INIT;
    Cgroup1__MemoryOomControl oom = CGROUP1__MEMORY_OOM_CONTROL__INIT;

    pids.current = numbers->guests;
    usage.total = numbers->counters.cpu_ns;
    usage.user = usage.total;
    throttling.periods = numbers->counters.periods;
    throttling.throttled_periods = numbers->counters.throttled_periods;
    throttling.throttled_time = numbers->counters.throttled_ns;
    cpu.usage = &usage;
    cpu.throttling = &throttling;
    used.usage = numbers->counters.memory_bytes;
    used.max = numbers->counters.memory_peak;
    /* v1 says "none" by the largest page count. */
    used.limit = numbers->memory_limit < INT64_MAX ? numbers->memory_limit
                                                   : (uint64_t)INT64_MAX & ~4095ULL;
    memory.rss = used.usage;
    memory.total_rss = used.usage;
    memory.active_anon = used.usage;
    memory.total_active_anon = used.usage;
    memory.usage = &used;
    oom.oom_kill = numbers->counters.oom;
    metrics.pids = &pids;
    metrics.cpu = &cpu;
    metrics.memory = &memory;
    metrics.memory_oom_control = &oom;
    message_pack(&metrics.base, ret);
    return "io.containerd.cgroups.v1.Metrics";
}

void stats_pack(const struct stats_numbers *numbers, struct buf *bytes, Types__Any *ret)
{
    const char *type = host_is_unified() ? pack_v2(numbers, bytes) : pack_v1(numbers, bytes);

    ret->type_url = (char *)(uintptr_t)type;
    ret->value.data = bytes->data;
    ret->value.len = bytes->length;
}

void verb_stats(void *owner, own struct ttrpc_call *call)
{
    VERB_REQUEST(Task__StatsRequest, task__stats_request__descriptor)
    AUTO(buf_fini) struct buf bytes = BUF(STATS_BYTES_MAX);
    Task__StatsResponse response = TASK__STATS_RESPONSE__INIT;
    Types__Any any = TYPES__ANY__INIT;
    struct stats_numbers numbers = {0};
    struct fault why = {0};
    uint64_t began_ns = clock_now_ns();
    struct container *container = verb_container(owner, call, request->id, &why);

    if (!container) {
        ttrpc_refuse(call, &why);
        return;
    }
    numbers_read(container, &numbers);
    stats_pack(&numbers, &bytes, &any);
    response.stats = &any;
    ttrpc_answer_message(call, &response.base);
    if (guest_is_live(&container->init)) {
        container->own_ns += clock_now_ns() - began_ns;
    }
}
