/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/installer/cluster.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "k8s/installer/api.h"

#define MERGE "application/merge-patch+json"

static int patch(struct api *api, const char *path, const struct buf *body, struct fault *why)
{
    const struct api_call call = {.method = "PATCH",
                                  .path = path,
                                  .content_type = MERGE,
                                  .body = {(const char *)body->data, body->length}};
    AUTO(buf_fini) struct buf answer = BUF(API_ANSWER_MAX);

    TRY(buf_check(body, "a change of an object", why));
    return api_perform(api, &call, &answer, why);
}

/* GET, and its answer as a document. */
static int get(struct api *api, const char *path, own struct node **ret, struct fault *why)
{
    const struct api_call call = {.method = "GET", .path = path};
    AUTO(buf_fini) struct buf answer = BUF(API_ANSWER_MAX);

    TRY(api_perform(api, &call, &answer, why));
    return node_parse((struct text){(const char *)answer.data, answer.length}, path, API_ANSWER_MAX,
                      ret, why);
}

static void put_member(struct buf *body, const char *key, const char *value)
{
    buf_print(body, "\"%s\":", key);
    if (value) {
        buf_put_json(body, text_of(value));
    } else {
        buf_print(body, "null");
    }
}

int cluster_mark(struct api *api, const char *node, const char *state, const char *failure,
                 struct fault *why)
{
    AUTO(buf_fini) struct buf body = BUF(API_BODY_MAX);
    char path[API_PATH_MAX];

    (void)snprintf(path, sizeof(path), "/api/v1/nodes/%s", node);
    buf_print(&body, "{\"metadata\":{\"labels\":{");
    put_member(&body, CLUSTER_LABEL, state);
    buf_print(&body, "},\"annotations\":{");
    put_member(&body, CLUSTER_FAILURE, failure);
    buf_print(&body, "}}}");
    return patch(api, path, &body, why);
}

static void put_time(struct buf *body)
{
    time_t now = (time_t)clock_wall().seconds;
    struct tm parts;
    char text[32] = "";

    if (gmtime_r(&now, &parts)) {
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
    buf_print(body, "\"%s\"", text);
}

int cluster_event(struct api *api, const char *node, const struct cluster_event *event,
                  struct fault *why)
{
    /* Events of nodes are in the namespace default, and have the node's name as its UID. */
    static const char path[] = "/api/v1/namespaces/default/events";
    AUTO(buf_fini) struct buf body = BUF(API_BODY_MAX);
    AUTO(buf_fini) struct buf answer = BUF(API_ANSWER_MAX);
    struct api_call call = {.method = "POST", .path = path, .content_type = "application/json"};

    buf_print(
        &body,
        "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"generateName\":\"%s-skep-\"},"
        "\"involvedObject\":{\"apiVersion\":\"v1\",\"kind\":\"Node\",",
        node);
    put_member(&body, "name", node);
    buf_print(&body, ",");
    put_member(&body, "uid", node);
    buf_print(&body, "},\"type\":\"%s\",\"count\":1,\"reason\":\"%s\",",
              event->is_bad ? "Warning" : "Normal", event->reason);
    put_member(&body, "message", event->message);
    buf_print(
        &body,
        ",\"source\":{\"component\":\"skep-install\",\"host\":\"%s\"},\"firstTimestamp\":", node);
    put_time(&body);
    buf_print(&body, ",\"lastTimestamp\":");
    put_time(&body);
    buf_print(&body, "}");
    TRY(buf_check(&body, "an event", why));
    call.body = (struct text){(const char *)body.data, body.length};
    return api_perform(api, &call, &answer, why);
}

static bool names_handler(const struct node *list, const char *handler)
{
    for (size_t i = 0; i < node_count(list); i++) {
        const char *name = node_string(node_member(node_item(list, i), "name"));

        if (name && strcmp(name, handler) == 0) {
            return true;
        }
    }
    return false;
}

int cluster_count_handlers(struct api *api, const char *node, const char *const *handlers,
                           size_t *ret, struct fault *why)
{
    AUTO(node_free) struct node *root = NULL;
    const struct node *list = NULL;
    char path[API_PATH_MAX];

    (void)snprintf(path, sizeof(path), "/api/v1/nodes/%s", node);
    TRY(get(api, path, &root, why));
    list = node_path(root, "status.runtimeHandlers");
    *ret = 0;
    for (size_t i = 0; handlers[i]; i++) {
        *ret += node_count(list) == 0 || names_handler(list, handlers[i]);
    }
    return 0;
}

static void set_path(const struct cluster_set *set, char ret[API_PATH_MAX])
{
    (void)snprintf(ret, API_PATH_MAX, "/apis/apps/v1/namespaces/%s/daemonsets/%s", set->space,
                   set->name);
}

int cluster_is_withdrawn(struct api *api, const struct cluster_set *set, struct fault *why)
{
    AUTO(node_free) struct node *root = NULL;
    const struct node *annotations = NULL;
    char path[API_PATH_MAX];

    set_path(set, path);
    TRY(get(api, path, &root, why));
    annotations = node_path(root, "metadata.annotations");
    return node_string(node_member(annotations, CLUSTER_WITHDRAWN)) ? 1 : 0;
}

int cluster_withdraw(struct api *api, const struct cluster_set *set, struct fault *why)
{
    AUTO(buf_fini) struct buf body = BUF(API_BODY_MAX);
    char path[API_PATH_MAX];

    set_path(set, path);
    buf_print(&body, "{\"metadata\":{\"annotations\":{");
    put_member(&body, CLUSTER_WITHDRAWN, "true");
    buf_print(&body, "}}}");
    return patch(api, path, &body, why);
}

int cluster_marked_nodes(struct api *api, char words[CLUSTER_LIST_ROOM], struct fault *why)
{
    AUTO(node_free) struct node *root = NULL;
    const struct node *items = NULL;
    size_t used = 0;

    TRY(get(api, "/api/v1/nodes?labelSelector=skep.dev%2Fruntime", &root, why));
    items = node_member(root, "items");
    words[0] = '\0';
    for (size_t i = 0; i < node_count(items) && used < CLUSTER_LIST_ROOM / 2; i++) {
        const struct node *about = node_member(node_item(items, i), "metadata");
        const char *name = node_string(node_member(about, "name"));
        const char *failure =
            node_string(node_member(node_member(about, "annotations"), CLUSTER_FAILURE));

        used += (size_t)snprintf(words + used, CLUSTER_LIST_ROOM - used, "%s%.253s%s%.200s%s",
                                 used > 0 ? ", " : "", name ? name : "", failure ? " (" : "",
                                 failure ? failure : "", failure ? ")" : "");
    }
    return (int)node_count(items);
}
