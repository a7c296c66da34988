/* SPDX-License-Identifier: Apache-2.0 */
/* Texts go into JSON and resolv.conf by way of bounded buffers; reading the JSON back checks the rest. */
#include "shim/task/sandbox_config.h"

#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/spec/spec.h"
#include "shim/proto/cri.pb-c.h"
#include "shim/ttrpc/message.h"

#define OPTIONS_TYPE "runtime.v1.PodSandboxConfig"
#define CRI "io.kubernetes.cri."

enum { HOSTNAME_MAX = 253 };

/* What the pod's own namespaces are; a pod shares those of the node that it asks for. */
struct scope {
    bool network;
    bool pid;
    bool ipc;
    bool user;
};

static void scope_read(const Cri__PodSandboxConfig *config, struct scope *ret)
{
    const Cri__LinuxPodSandboxConfig *part = config->linux_part;
    const Cri__NamespaceOption *option =
        part && part->security_context ? part->security_context->namespace_options : NULL;

    *ret = (struct scope){.network = true, .pid = true, .ipc = true};
    if (option) {
        ret->network = option->network != CRI__NAMESPACE_MODE__NODE;
        ret->pid = option->pid != CRI__NAMESPACE_MODE__NODE;
        ret->ipc = option->ipc != CRI__NAMESPACE_MODE__NODE;
        ret->user = option->userns_options &&
                    option->userns_options->mode != CRI__NAMESPACE_MODE__NODE;
    }
}

/* ---- config.json ---- */

static void put_pair(struct buf *out, const char *key, const char *value)
{
    if (out->data[out->length - 1] != '{') {
        buf_put_u8(out, ',');
    }
    buf_put_json(out, text_of(key));
    buf_put_u8(out, ':');
    buf_put_json(out, text_of(value));
}

static void put_annotations(const char *id, const Cri__PodSandboxConfig *config, struct buf *out)
{
    const Cri__PodSandboxMetadata *about = config->metadata;

    buf_print(out, ",\"annotations\":{");
    put_pair(out, CRI "container-type", "sandbox");
    put_pair(out, CRI "sandbox-id", id);
    if (about) {
        put_pair(out, CRI "sandbox-name", about->name);
        put_pair(out, CRI "sandbox-namespace", about->namespace_);
        put_pair(out, CRI "sandbox-uid", about->uid);
    }
    put_pair(out, CRI "sandbox-log-directory", config->log_directory);
    for (size_t i = 0; i < config->n_annotations; i++) {
        const Types__Pair *pair = config->annotations[i];

        if (strncmp(pair->key, "skep.dev/", strlen("skep.dev/")) == 0) {
            put_pair(out, pair->key, pair->value);
        }
    }
    buf_put_u8(out, '}');
}

static void put_namespaces(const struct scope *scope, const char *netns, struct buf *out)
{
    buf_print(out, "\"namespaces\":[{\"type\":\"mount\"}");
    if (scope->pid) {
        buf_print(out, ",{\"type\":\"pid\"}");
    }
    if (scope->ipc) {
        buf_print(out, ",{\"type\":\"ipc\"}");
    }
    if (scope->user) {
        buf_print(out, ",{\"type\":\"user\"}");
    }
    if (scope->network) {
        buf_print(out, ",{\"type\":\"uts\"},{\"type\":\"network\"");
        if (netns[0] != '\0') {
            buf_print(out, ",\"path\":");
            buf_put_json(out, text_of(netns));
        }
        buf_put_u8(out, '}');
    }
    buf_put_u8(out, ']');
}

/* What containerd's podsandbox gives to every pod with a network of its own, unless the pod says it. */
static const struct {
    const char *key;
    const char *value;
} usual_sysctls[] = {
    {"net.ipv4.ip_unprivileged_port_start", "0"},
    {"net.ipv4.ping_group_range", "0 2147483647"},
};

static bool has_sysctl(const Cri__LinuxPodSandboxConfig *part, const char *key)
{
    for (size_t i = 0; part && i < part->n_sysctls; i++) {
        if (strcmp(part->sysctls[i]->key, key) == 0) {
            return true;
        }
    }
    return false;
}

static void put_sysctls(const struct scope *scope, const Cri__LinuxPodSandboxConfig *part,
                        struct buf *out)
{
    buf_print(out, ",\"sysctl\":{");
    for (size_t i = 0; scope->network && i < ARRAY_SIZE(usual_sysctls); i++) {
        if (!has_sysctl(part, usual_sysctls[i].key)) {
            put_pair(out, usual_sysctls[i].key, usual_sysctls[i].value);
        }
    }
    for (size_t i = 0; part && i < part->n_sysctls; i++) {
        put_pair(out, part->sysctls[i]->key, part->sysctls[i]->value);
    }
    buf_put_u8(out, '}');
}

static int config_compose(const Sandbox__CreateSandboxRequest *request,
                          const Cri__PodSandboxConfig *config, own char **ret, struct fault *why)
{
    AUTO(buf_fini) struct buf out = BUF(SPEC_BYTES_MAX);
    struct scope scope;

    scope_read(config, &scope);
    buf_print(&out, "{\"ociVersion\":\"1.1.0\",\"process\":{\"args\":[\"/pause\"],\"cwd\":\"/\"},"
                    "\"root\":{\"path\":\"rootfs\",\"readonly\":true}");
    if (config->hostname[0] != '\0' && scope.network) {
        buf_print(&out, ",\"hostname\":");
        buf_put_json(&out, text_of(config->hostname));
    }
    put_annotations(request->sandbox_id, config, &out);
    buf_print(&out, ",\"linux\":{");
    put_namespaces(&scope, request->netns_path, &out);
    put_sysctls(&scope, config->linux_part, &out);
    buf_print(&out, "}}");
    TRY(buf_check(&out, "the sandbox's config.json", why));
    *ret = text_copy((struct text){(const char *)out.data, out.length});
    return 0;
}

/* ---- resolv.conf ---- */

static bool is_word(const char *text)
{
    while ((unsigned char)*text > ' ' && *text != 0x7F) {
        text++;
    }
    return *text == '\0';
}

/* One line for all of @words, or one for each. */
static int put_words(const char *member, const char *keyword, bool is_one_line, char *const *words,
                     size_t count, struct buf *out, struct fault *why)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i][0] == '\0' || !is_word(words[i])) {
            return fault(why, FAULT_INVALID, "dns_config.%s[%zu] must be a word, not \"%.100s\"",
                         member, i, words[i]);
        }
        if (i == 0 || !is_one_line) {
            buf_print(out, "%s%s", i == 0 ? "" : "\n", keyword);
        }
        buf_print(out, " %s", words[i]);
    }
    if (count > 0) {
        buf_put_u8(out, '\n');
    }
    return 0;
}

static int resolv_conf_compose(const Cri__DNSConfig *dns, own char **ret, struct fault *why)
{
    AUTO(buf_fini) struct buf out = BUF(SANDBOX_RESOLV_CONF_MAX);

    TRY(put_words("searches", "search", true, dns->searches, dns->n_searches, &out, why));
    TRY(put_words("servers", "nameserver", false, dns->servers, dns->n_servers, &out, why));
    TRY(put_words("options", "options", true, dns->options, dns->n_options, &out, why));
    TRY(buf_check(&out, "the resolv.conf of dns_config", why));
    *ret = text_copy((struct text){(const char *)out.data, out.length});
    return 0;
}

/* ---- all ---- */

static int options_unpack(const Types__Any *options, own ProtobufCMessage **ret, struct fault *why)
{
    const char *name = NULL;

    if (!options) {
        return fault(why, FAULT_INVALID, "a sandbox needs options of type " OPTIONS_TYPE);
    }
    name = strrchr(options->type_url, '/');
    if (strcmp(name ? name + 1 : options->type_url, OPTIONS_TYPE) != 0) {
        return fault(why, FAULT_INVALID,
                     "options of type \"%.100s\" are not known; " OPTIONS_TYPE " is",
                     options->type_url);
    }
    return message_unpack(&cri__pod_sandbox_config__descriptor,
                          (struct text){(const char *)options->value.data, options->value.len},
                          ret, why);
}

static int check(const Sandbox__CreateSandboxRequest *request, const Cri__PodSandboxConfig *config,
                 struct fault *why)
{
    if (strlen(config->hostname) > HOSTNAME_MAX || !is_word(config->hostname)) {
        return fault(why, FAULT_INVALID,
                     "hostname must be a word of at most %d bytes, not \"%.100s\"", HOSTNAME_MAX,
                     config->hostname);
    }
    if (request->netns_path[0] != '\0' && request->netns_path[0] != '/') {
        return fault(why, FAULT_INVALID, "netns_path \"%.100s\" is no absolute path",
                     request->netns_path);
    }
    return 0;
}

int sandbox_config(const Sandbox__CreateSandboxRequest *request, struct sandbox_files *ret,
                   struct fault *why)
{
    AUTO(message_free) ProtobufCMessage *message = NULL;
    const Cri__PodSandboxConfig *config = NULL;

    *ret = (struct sandbox_files){NULL, NULL, NULL};
    TRY(options_unpack(request->options, &message, why));
    config = (const Cri__PodSandboxConfig *)(const void *)message;
    TRY(check(request, config, why));
    TRY(config_compose(request, config, &ret->config, why));
    if (config->dns_config) {
        TRY(resolv_conf_compose(config->dns_config, &ret->resolv_conf, why));
    }
    if (config->hostname[0] != '\0') {
        ret->hostname = COPY_TEXT(config->hostname);
    }
    return 0;
}
