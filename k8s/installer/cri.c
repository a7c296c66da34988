/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/installer/cri.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "k8s/installer/cri.pb-c.h"
#include "oci/images/call.h"
#include "oci/images/connect.h"

enum { CONFIG_JSON_MAX = 4 * 1024 * 1024, REQUEST_ROOM = 16 };

/* One question with one answer. */
static int ask(const char *socket, const struct question *question, answer_fn *fn, void *owner,
               struct fault *why)
{
    AUTO(channel_free) struct channel *channel = NULL;
    AUTO(fd_close) int connection = containerd_connect(socket, why);

    TRY(connection);
    TRY(channel_open(connection, &channel, why));
    return channel_call(channel, question, fn, owner, why);
}

static bool is_one_of(const char *name, const char *const *handlers)
{
    for (size_t i = 0; handlers[i]; i++) {
        if (strcmp(name, handlers[i]) == 0) {
            return true;
        }
    }
    return false;
}

struct count {
    const char *const *handlers;
    size_t found;
};

/* containerd before 2.0: the keys of containerd.runtimes in its configuration. */
static int count_configured(const char *json, struct count *count, struct fault *why)
{
    AUTO(node_free) struct node *root = NULL;
    const struct node *runtimes = NULL;

    TRY(node_parse(text_of(json), "the configuration in CRI's status", CONFIG_JSON_MAX, &root,
                   why));
    runtimes = node_path(root, "containerd.runtimes");
    for (size_t i = 0; i < node_count(runtimes); i++) {
        const char *key = "";

        (void)node_at(runtimes, i, &key);
        count->found += is_one_of(key, count->handlers);
    }
    return 0;
}

static int on_status(void *owner, const uint8_t *bytes, size_t length, struct fault *why)
{
    struct count *count = owner;
    Cri__StatusResponse *answer = cri__status_response__unpack(NULL, length, bytes);
    int done = 0;

    if (!answer) {
        return fault(why, FAULT_INTERNAL, "CRI's status cannot be unpacked");
    }
    for (size_t i = 0; i < answer->n_runtime_handlers; i++) {
        count->found += is_one_of(answer->runtime_handlers[i]->name, count->handlers);
    }
    for (size_t i = 0; answer->n_runtime_handlers == 0 && i < answer->n_info && done == 0; i++) {
        if (strcmp(answer->info[i]->key, "config") == 0) {
            done = count_configured(answer->info[i]->value, count, why);
        }
    }
    cri__status_response__free_unpacked(answer, NULL);
    return done;
}

int cri_count_handlers(const char *socket, const char *const *handlers, size_t *ret,
                       struct fault *why)
{
    Cri__StatusRequest request = CRI__STATUS_REQUEST__INIT;
    struct count count = {.handlers = handlers};
    uint8_t packed[REQUEST_ROOM];
    struct question question = {
        .space = "k8s.io", .method = "/runtime.v1.RuntimeService/Status", .packed = packed};

    request.verbose = 1;
    question.length = cri__status_request__pack(&request, packed);
    TRY(ask(socket, &question, on_status, &count, why));
    *ret = count.found;
    return 0;
}

struct search {
    const char *const *handlers;
    struct cri_pods *ret;
};

static int on_pods(void *owner, const uint8_t *bytes, size_t length, struct fault *why)
{
    struct search *search = owner;
    struct cri_pods *ret = search->ret;
    Cri__ListPodSandboxResponse *answer =
        cri__list_pod_sandbox_response__unpack(NULL, length, bytes);

    if (!answer) {
        return fault(why, FAULT_INTERNAL, "CRI's list of pods cannot be unpacked");
    }
    for (size_t i = 0; i < answer->n_items; i++) {
        const Cri__PodSandbox *pod = answer->items[i];

        /* 0 is SANDBOX_READY. */
        if (pod->state != 0 || !is_one_of(pod->runtime_handler, search->handlers)) {
            continue;
        }
        if (ret->count < CRI_PODS_SHOWN && pod->metadata) {
            (void)snprintf(ret->names[ret->count], CRI_NAME_ROOM, "%s/%s",
                           pod->metadata->namespace_, pod->metadata->name);
        }
        ret->count++;
    }
    cri__list_pod_sandbox_response__free_unpacked(answer, NULL);
    return 0;
}

int cri_find_pods(const char *socket, const char *const *handlers, struct cri_pods *ret,
                  struct fault *why)
{
    const struct question question = {.space = "k8s.io",
                                      .method = "/runtime.v1.RuntimeService/ListPodSandbox",
                                      .packed = (const uint8_t *)""};
    struct search search = {.handlers = handlers, .ret = ret};

    *ret = (struct cri_pods){.count = 0};
    return ask(socket, &question, on_pods, &search, why);
}
