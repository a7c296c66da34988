/* SPDX-License-Identifier: Apache-2.0 */
/* config.json's linux: namespaces, devices and resources. */
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "runtime/spec/fields.h"

static int read_namespace(const struct node *item, const char *name, struct spec *spec,
                          struct fault *why)
{
    struct raw_namespace raw = {0};

    TRY(node_read(item, name, spec_namespace_fields, &raw, why));
    if (raw.path && raw.path[0] == '\0') {
        raw.path = NULL;
    }
    if (spec_namespace(spec, raw.type)) {
        return fault(why, FAULT_INVALID, "%s names the type %s a second time", name, raw.type);
    }
    spec->namespaces[spec->namespaces_count++] = (struct spec_namespace){raw.type, raw.path};
    return 0;
}

static int read_device(const struct node *item, const char *name, struct spec *spec,
                       struct fault *why)
{
    struct raw_device raw = {0};

    TRY(node_read(item, name, spec_device_fields, &raw, why));
    spec->devices.at[spec->devices.count++] = raw.path;
    return 0;
}

static int read_rule(const struct node *item, const char *name, struct spec *spec,
                     struct fault *why)
{
    struct raw_rule raw = {.major = -1, .minor = -1};

    TRY(node_read(item, name, spec_rule_fields, &raw, why));
    spec->device_rules[spec->device_rules_count++] = (struct spec_device_rule){
        .allow = raw.allow,
        .is_narrow = raw.major >= 0 || raw.minor >= 0,
        .type = raw.type,
        .access = raw.access,
    };
    return 0;
}

int spec_read_resources(const struct node *object, const char *name, struct spec_resources *ret,
                        const struct node **ret_rules, struct fault *why)
{
    struct raw_resources raw = {0};
    struct raw_memory memory = {0};
    struct raw_cpu cpu = {0};
    struct raw_pids pids = {0};
    char part[SPEC_NAME_MAX];

    TRY(node_read(object, name, spec_resources_fields, &raw, why));
    if (raw.memory) {
        (void)snprintf(part, sizeof(part), "%s.memory", name);
        TRY(node_read(raw.memory, part, spec_memory_fields, &memory, why));
    }
    if (raw.cpu) {
        (void)snprintf(part, sizeof(part), "%s.cpu", name);
        TRY(node_read(raw.cpu, part, spec_cpu_fields, &cpu, why));
    }
    if (raw.pids) {
        (void)snprintf(part, sizeof(part), "%s.pids", name);
        TRY(node_read(raw.pids, part, spec_pids_fields, &pids, why));
    }
    *ret = (struct spec_resources){
        .memory_limit = memory.limit,
        .cpu_shares = cpu.shares,
        .cpu_quota = cpu.quota,
        .cpu_period = cpu.period,
        .pids_limit = pids.limit,
    };
    *ret_rules = raw.devices;
    return 0;
}

int spec_read_linux(const struct node *object, struct spec *spec, struct fault *why)
{
    struct raw_linux raw = {0};
    const struct node *rules = NULL;

    TRY(node_read(object, "config.json: linux", spec_linux_fields, &raw, why));
    spec->has_namespaces = raw.namespaces;
    spec->has_seccomp = raw.seccomp;
    spec->sysctls_count = node_count(raw.sysctl);
    spec->namespaces = NEW_ARRAY(node_count(raw.namespaces) + 1, struct spec_namespace);
    TRY(spec_read_items(raw.namespaces, "config.json: linux.namespaces", read_namespace, spec,
                        why));
    spec->devices.at = NEW_ARRAY(node_count(raw.devices) + 1, const char *);
    TRY(spec_read_items(raw.devices, "config.json: linux.devices", read_device, spec, why));
    if (raw.resources) {
        TRY(spec_read_resources(raw.resources, "config.json: linux.resources", &spec->resources,
                                &rules, why));
    }
    spec->device_rules = NEW_ARRAY(node_count(rules) + 1, struct spec_device_rule);
    return spec_read_items(rules, "config.json: linux.resources.devices", read_rule, spec, why);
}
