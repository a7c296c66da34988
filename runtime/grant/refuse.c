/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More than a component can have is refused: who asked for it would otherwise believe to have it.
 * Less than a component has anyway is only noted.
 */
#include <string.h>

#include "base/fault.h"
#include "runtime/grant/rules.h"
#include "runtime/spec/spec.h"

/* What containers have unless told otherwise (containerd's and docker's default). */
static const char *const usual_capabilities[] = {
    "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",  "CAP_FOWNER",           "CAP_MKNOD",
    "CAP_SETGID", "CAP_NET_RAW",      "CAP_SETUID",  "CAP_SETFCAP",          "CAP_SETPCAP",
    "CAP_KILL",   "CAP_SYS_CHROOT",   "CAP_AUDIT_WRITE", "CAP_NET_BIND_SERVICE",
};

/* Which every container has (OCI runtime specification, config-linux.md, default devices). */
static const char *const usual_devices[] = {
    "/dev/null", "/dev/zero",    "/dev/full", "/dev/random", "/dev/urandom",
    "/dev/tty",  "/dev/console", "/dev/ptmx",
};

static bool is_among(const char *text, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, texts[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_all_devices(const struct spec_device_rule *rule)
{
    bool is_any = !rule->type || rule->type[0] == '\0' || strcmp(rule->type, "a") == 0;

    return rule->allow && is_any && !rule->is_narrow && rule->access &&
           strpbrk(rule->access, "rw");
}

static int refuse_devices(const struct spec *spec, struct fault *why)
{
    for (size_t i = 0; i < spec->device_rules_count; i++) {
        if (is_all_devices(&spec->device_rules[i])) {
            return fault(why, FAULT_DENIED, "linux.resources.devices[%zu] allows all devices "
                         "(privileged); a component cannot be privileged", i);
        }
    }
    for (size_t i = 0; i < spec->devices.count; i++) {
        const char *path = spec->devices.at[i];

        if (!is_among(path, usual_devices, ARRAY_SIZE(usual_devices))) {
            return fault(why, FAULT_DENIED, "linux.devices[%zu] asks for %.200s; a component can "
                         "have no device", i, path);
        }
    }
    return 0;
}

static int refuse_host_namespaces(const struct spec *spec, struct fault *why)
{
    static const struct shared {
        const char *type;
        const char *kubernetes;
    } shared[] = {{"pid", "hostPID"}, {"ipc", "hostIPC"}};

    for (size_t i = 0; spec->has_namespaces && i < ARRAY_SIZE(shared); i++) {
        if (!spec_namespace(spec, shared[i].type)) {
            return fault(why, FAULT_DENIED, "linux.namespaces has no %s namespace (%s); a "
                         "component cannot have the node's", shared[i].type, shared[i].kubernetes);
        }
    }
    return 0;
}

int refuse_user_namespace(const struct spec *spec, struct fault *why)
{
    if (spec_namespace(spec, "user")) {
        return fault(why, FAULT_UNSUPPORTED, "linux.namespaces asks for a user namespace "
                     "(hostUsers: false); a component has no users to map");
    }
    return 0;
}

int refuse_more(const struct spec *spec, struct fault *why)
{
    const struct spec_texts *capabilities = &spec->process.capabilities;

    TRY(refuse_devices(spec, why));
    for (size_t i = 0; i < capabilities->count; i++) {
        if (!is_among(capabilities->at[i], usual_capabilities, ARRAY_SIZE(usual_capabilities))) {
            return fault(why, FAULT_DENIED, "process.capabilities asks for %.64s; a component can "
                         "have no capability", capabilities->at[i]);
        }
    }
    return refuse_host_namespaces(spec, why);
}

void note_less(const struct spec *spec, struct grant *grant)
{
    const struct spec_process *process = &spec->process;

    if (process->capabilities.count > 0) {
        note(grant, "process.capabilities: a component has none");
    }
    if (process->apparmor && process->apparmor[0] != '\0') {
        note(grant, "process.apparmorProfile: the worker has walls of its own");
    }
    if (process->selinux && process->selinux[0] != '\0') {
        note(grant, "process.selinuxLabel: the worker has walls of its own");
    }
    if (spec->has_seccomp) {
        note(grant, "linux.seccomp: a component makes no system calls");
    }
    if (spec->devices.count > 0) {
        note(grant, "linux.devices: a component has none");
    }
    if (spec->sysctls_count > 0) {
        note(grant, "linux.sysctl: a component has no kernel settings");
    }
    if (spec->has_hooks) {
        note(grant, "hooks: there is no process to run them in");
    }
}
