/* SPDX-License-Identifier: Apache-2.0 */
/* The order: what is refused outright, then process, folders, network, limits; notes last. */
#include "runtime/grant/decide.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "runtime/grant/rules.h"
#include "runtime/spec/annotation.h"
#include "runtime/spec/reach.h"
#include "runtime/spec/spec.h"

enum { PORT_DEFAULT = 8080, NOTES_MAX = 16, NOTE_BYTES = 256 };

void note(struct grant *grant, const char *format, ...)
{
    char words[NOTE_BYTES];
    va_list values;

    va_start(values, format);
    (void)vsnprintf(words, sizeof(words), format, values);
    va_end(values);
    text_make_printable(words);
    grant->ignored[grant->ignored_count++] = COPY_TEXT(words);
}

static char **copy_texts(const char *const *from, size_t count)
{
    char **texts = NEW_ARRAY(count + 1, char *);

    for (size_t i = 0; i < count; i++) {
        texts[i] = COPY_TEXT(from[i]);
    }
    return texts;
}

static int decide_arguments(const struct spec_process *process, bool is_named, struct grant *grant,
                            struct fault *why)
{
    static const char *const nameless[] = {"component"};

    if (process->args.count == 0 && is_named) {
        return fault(why, FAULT_INVALID,
                     "process.args is empty; its first entry names the component's file");
    }
    /* Programs rely on args[0]; an image of a component alone needs to give none. */
    grant->args_count = process->args.count > 0 ? process->args.count : 1;
    grant->args = process->args.count > 0 ? copy_texts(process->args.at, process->args.count)
                                          : copy_texts(nameless, 1);
    return 0;
}

static int decide_process(const struct spec_process *process, bool is_named, struct grant *grant,
                          struct fault *why)
{
    if (process->terminal) {
        return fault(why, FAULT_UNSUPPORTED,
                     "process.terminal is true; a component has no terminal (run without tty)");
    }
    TRY(decide_arguments(process, is_named, grant, why));
    for (size_t i = 0; i < process->env.count; i++) {
        const char *equals = strchr(process->env.at[i], '=');

        if (!equals || equals == process->env.at[i]) {
            return fault(why, FAULT_INVALID, "process.env[%zu] must be NAME=value, not \"%.100s\"",
                         i, process->env.at[i]);
        }
    }
    grant->env = copy_texts(process->env.at, process->env.count);
    grant->env_count = process->env.count;
    grant->user = process->uid;
    return clean_path(process->cwd && process->cwd[0] != '\0' ? process->cwd : "/", "process.cwd",
                      &grant->cwd, why);
}

static int decide_port(const struct annotations *annotations, struct grant *grant,
                       struct fault *why)
{
    uint64_t port = annotations->port != 0 ? annotations->port : PORT_DEFAULT;

    for (size_t i = 0; i < grant->env_count; i++) {
        const char *value = grant->env[i] + 5;

        if (strncmp(grant->env[i], "PORT=", 5) == 0 &&
            !text_to_u64(text_of(value), 1, UINT16_MAX, &port)) {
            return fault(why, FAULT_INVALID, "the variable PORT says where a server listens: a "
                         "number from 1 to 65535, not \"%.100s\"", value);
        }
    }
    grant->port = (uint16_t)port;
    return 0;
}

static int decide_network(const struct spec *spec, struct grant *grant, struct fault *why)
{
    const struct spec_namespace *network = spec_namespace(spec, "network");

    grant->network = GRANT_NETWORK_POD;
    if (!spec->has_namespaces) {
        grant->network = GRANT_NETWORK_NONE;
    } else if (!network) {
        grant->network = GRANT_NETWORK_NODE;
    } else if (network->path) {
        return clean_path(network->path, "linux.namespaces: the path of network", &grant->netns,
                          why);
    }
    return 0;
}

/* skep.dev/network narrows what the namespace gives, never widens it. */
static int decide_reach(const char *said, struct grant *grant, struct fault *why)
{
    if (!said || strcmp(said, "pod") == 0) {
        return 0;
    }
    if (strcmp(said, "none") == 0) {
        grant->network = GRANT_NETWORK_NONE;
        free(grant->netns);
        grant->netns = NULL;
        return 0;
    }
    return reach_parse(said, &grant->network_allow, why);
}

/* Where OpenSSL and what is like it look; SSL_CERT_FILE is their variable for another place. */
#define TRUST_PLACE "/etc/ssl/certs/ca-certificates.crt"

static const char *trust_place(const struct spec_process *process)
{
    static const char name[] = "SSL_CERT_FILE=";
    const char *place = TRUST_PLACE;

    for (size_t i = 0; i < process->env.count; i++) {
        const char *value = process->env.at[i];

        if (strncmp(value, name, strlen(name)) == 0 && value[strlen(name)] == '/') {
            place = value + strlen(name);
        }
    }
    return place;
}

/* The pod's own resolver files, and whom it trusts: what its image or a mount has at the place for
 * that, else the host's bundle. */
static void decide_texts(const struct spec *spec, const struct decide_input *input,
                         struct grant *grant)
{
    static const char *const places[GRANT_TEXTS] = {
        [GRANT_TEXT_RESOLV_CONF] = "/etc/resolv.conf",
        [GRANT_TEXT_HOSTS] = "/etc/hosts",
        [GRANT_TEXT_TRUST] = TRUST_PLACE,
    };

    if (grant->network != GRANT_NETWORK_NONE) {
        grant->trust = COPY_TEXT(trust_place(&spec->process));
    }
    for (size_t i = 0; grant->network != GRANT_NETWORK_NONE && i < GRANT_TEXTS; i++) {
        bool is_nodes = grant->network == GRANT_NETWORK_NODE || i == GRANT_TEXT_TRUST;
        const char *from = input->texts[i] ? input->texts[i] : is_nodes ? places[i] : NULL;

        for (size_t k = 0; k < spec->mounts_count; k++) {
            const struct spec_mount *mount = &spec->mounts[k];

            from = mount->source && strcmp(mount->destination, places[i]) == 0 ? mount->source
                                                                               : from;
        }
        grant->network_files[i] = from ? COPY_TEXT(from) : NULL;
    }
}

/* A pod is taken out of its Services beside its SIGTERM, not before it: whoever has not heard of it
 * yet still sends requests. In a grace period that we know there is time left to finish them. */
static uint64_t usual_lame_duck(const struct spec *spec)
{
    enum { USUAL_S = 3, PARTS = 3, GRACE_MOST_S = 1000000 };
    const char *type = spec_annotation(spec, "io.kubernetes.cri.container-type");
    const char *grace = spec_annotation(spec, "io.kubernetes.pod.terminationGracePeriod");
    uint64_t usual = USUAL_S * NS_PER_S;
    uint64_t most = 0;

    if (!type || strcmp(type, "container") != 0) {
        return 0;
    }
    if (grace && text_to_u64(text_of(grace), 0, GRACE_MOST_S, &most)) {
        most = most * NS_PER_S / PARTS;
        return most < usual ? most : usual;
    }
    return usual;
}

static void decide_annotated(const struct annotations *annotations, struct grant *grant)
{
    grant->on_term_wait = annotations->on_term_wait;
    grant->access_log = annotations->access_log;
    grant->limits.request_max = annotations->requests;
    grant->limits.request_ns = annotations->request_ns;
    grant->limits.queue_max = annotations->queue;
    grant->limits.queue_ns = annotations->queue_ns;
    grant->limits.connection_max = annotations->connections;
    grant->limits.body_bytes = annotations->body_bytes;
    grant->limits.head_bytes = annotations->head_bytes;
    grant->limits.head_ns = annotations->head_ns;
    grant->limits.stream_max = annotations->stream_max;
    grant->limits.connection_requests = annotations->connection_requests;
    grant->limits.reuse_max = annotations->reuse_max;
    grant->limits.reuse_ns = annotations->reuse_ns;
    grant->limits.lame_duck_ns = annotations->lame_duck_ns;
    grant->link_wait_ns = annotations->link_wait_ns;
}

static void decide_files(const struct spec_process *process, struct grant *grant)
{
    /* All tasks of a worker share its descriptors. An open file may need a second handle, for its
     * stream; some others need none: clocks, headers. */
    enum { FILES_MAX = 2048, HANDLES_BESIDES = 256 };

    if (process->has_nofile) {
        int64_t files = process->nofile > 1 ? process->nofile : 1;

        grant->limits.file_max = (uint64_t)(files < FILES_MAX ? files : FILES_MAX);
        grant->limits.handle_max = 2 * grant->limits.file_max + HANDLES_BESIDES;
    }
}

static int decide_container(const struct spec *spec, const struct decide_input *input,
                            const struct annotations *annotations, struct grant *grant,
                            struct fault *why)
{
    TRY(refuse_more(spec, why));
    TRY(decide_process(&spec->process, input->rootfs, grant, why));
    TRY(decide_port(annotations, grant, why));
    if (grant->limits.lame_duck_ns == 0) {
        grant->limits.lame_duck_ns = usual_lame_duck(spec);
    }
    TRY(decide_folders(spec, input, grant, why));
    TRY(decide_limits(&spec->resources, &grant->limits, why));
    decide_files(&spec->process, grant);
    note_less(spec, grant);
    return 0;
}

static int decide_all(const struct spec *spec, const struct decide_input *input,
                      struct grant *grant, struct fault *why)
{
    struct annotations annotations = {0};

    TRY(annotations_read(spec, &annotations, why));
    TRY(refuse_user_namespace(spec, why));
    TRY(decide_network(spec, grant, why));
    decide_annotated(&annotations, grant);
    TRY(decide_reach(annotations.network, grant, why));
    decide_texts(spec, input, grant);
    return input->is_sandbox ? 0 : decide_container(spec, input, &annotations, grant, why);
}

int decide(const struct spec *spec, const struct decide_input *input, own struct grant **ret,
           struct fault *why)
{
    AUTO(grant_free) struct grant *grant = NEW(struct grant);

    grant->ignored = NEW_ARRAY(spec->mounts_count + NOTES_MAX, char *);
    if (decide_all(spec, input, grant, why) < 0) {
        return fault_while(why, "config.json");
    }
    *ret = TAKE(grant);
    return 0;
}

static void copy_places(const struct grant *from, struct grant *grant)
{
    grant->folders = NEW_ARRAY(from->folders_count + 1, struct grant_folder);
    grant->folders_count = from->folders_count;
    for (size_t i = 0; i < from->folders_count; i++) {
        grant->folders[i] = from->folders[i];
        grant->folders[i].source = from->folders[i].source ? COPY_TEXT(from->folders[i].source)
                                                           : NULL;
        grant->folders[i].guest = COPY_TEXT(from->folders[i].guest);
    }
    grant->netns = from->netns ? COPY_TEXT(from->netns) : NULL;
    grant->termination_log = from->termination_log ? COPY_TEXT(from->termination_log) : NULL;
    grant->limits = from->limits;
    grant->network_allow = from->network_allow ? COPY_TEXT(from->network_allow) : NULL;
    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        grant->network_files[i] = from->network_files[i] ? COPY_TEXT(from->network_files[i]) : NULL;
    }
    grant->trust = from->trust ? COPY_TEXT(from->trust) : NULL;
    grant->network = from->network;
    grant->port = from->port;
    grant->on_term_wait = from->on_term_wait;
    grant->access_log = from->access_log;
}

#define CALL "skep:call"

/* skep:call TEXT: an export of the container's own component. */
static int decide_call(const struct grant *container, struct grant *grant, struct fault *why)
{
    if (strncmp(grant->args[0], "skep:", 5) != 0) {
        return 0;
    }
    if (strcmp(grant->args[0], CALL) != 0 || grant->args_count != 2) {
        return fault(why, FAULT_INVALID, "%.100s: what is called by exec is " CALL " and one "
                     "argument, as in " CALL " 'acme:demo/add.add(1, 2)'", grant->args[0]);
    }
    grant->call = grant->args[1];
    grant->args[1] = NULL;
    grant->args_count = 1;
    free(grant->args[0]);
    grant->args[0] = COPY_TEXT(container->args[0]);
    return 0;
}

int decide_exec(const struct grant *container, const struct spec *spec, own struct grant **ret,
                struct fault *why)
{
    AUTO(grant_free) struct grant *grant = NEW(struct grant);

    TRY(decide_process(&spec->process, true, grant, why));
    TRY(decide_call(container, grant, why));
    copy_places(container, grant);
    *ret = TAKE(grant);
    return 0;
}
