/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the API server, and what is read out of its answers; api_perform() is ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "k8s/installer/api.h"
#include "k8s/installer/cluster.h"

static char asked[8192];          /* "METHOD PATH TYPE\nBODY" */
static const char *answer = "{}"; /* NULL: refused with 404 */

int api_perform(struct api *api, const struct api_call *call, struct buf *ret, struct fault *why)
{
    (void)api;
    (void)snprintf(asked, sizeof(asked), "%s %s %s\n%.*s", call->method, call->path,
                   call->content_type ? call->content_type : "-", (int)call->body.length,
                   call->body.at ? call->body.at : "");
    if (!answer) {
        return fault(why, FAULT_NOT_FOUND, "the API server says 404");
    }
    ret->length = 0;
    buf_print(ret, "%s", answer);
    return 0;
}

static void a_node_is_marked(void **state)
{
    struct fault why = {0};

    (void)state;
    answer = "{}";
    assert_int_equal(cluster_mark(NULL, "node-1", "failed", "it says \"no\"\n", &why), 0);
    assert_string_equal(asked, "PATCH /api/v1/nodes/node-1 application/merge-patch+json\n"
                               "{\"metadata\":{\"labels\":{\"skep.dev/runtime\":\"failed\"},"
                               "\"annotations\":{\"skep.dev/failure\":\"it says \\\"no\\\"\\u000a\"}}}");
    assert_int_equal(cluster_mark(NULL, "node-1", NULL, NULL, &why), 0);
    assert_non_null(strstr(asked, "{\"skep.dev/runtime\":null}"));
    assert_non_null(strstr(asked, "{\"skep.dev/failure\":null}"));
}

static void an_event_is_one(void **state)
{
    const struct cluster_event event = {
        .is_bad = true, .reason = "SkepInstallFailed", .message = "a \"sentence\""};
    AUTO(node_free) struct node *root = NULL;
    struct fault why = {0};
    const char *body = NULL;

    (void)state;
    answer = "{}";
    assert_int_equal(cluster_event(NULL, "node-1", &event, &why), 0);
    assert_memory_equal(asked, "POST /api/v1/namespaces/default/events application/json\n", 56);
    body = strchr(asked, '\n') + 1;
    assert_int_equal(node_parse(text_of(body), "event", 8192, &root, &why), 0);
    assert_string_equal(node_string(node_path(root, "involvedObject.name")), "node-1");
    assert_string_equal(node_string(node_path(root, "involvedObject.uid")), "node-1");
    assert_string_equal(node_string(node_path(root, "type")), "Warning");
    assert_string_equal(node_string(node_path(root, "message")), "a \"sentence\"");
    assert_string_equal(node_string(node_path(root, "metadata.generateName")), "node-1-skep-");
    assert_int_equal(strlen(node_string(node_path(root, "lastTimestamp"))),
                     strlen("2026-01-02T03:04:05Z"));
}

static size_t handlers_in(const char *status)
{
    static const char *const handlers[] = {"skep", "skep-shared", NULL};
    struct fault why = {0};
    size_t found = 9;

    answer = status;
    assert_int_equal(cluster_count_handlers(NULL, "n", handlers, &found, &why), 0);
    return found;
}

static void handlers_are_counted(void **state)
{
    (void)state;
    assert_int_equal(handlers_in("{\"status\":{\"runtimeHandlers\":[{\"name\":\"runc\"},"
                                 "{\"name\":\"skep\"},{\"features\":{}}]}}"), 1);
    assert_int_equal(handlers_in("{\"status\":{\"runtimeHandlers\":[{\"name\":\"skep-shared\"},"
                                 "{\"name\":\"skep\"}]}}"), 2);
    /* A cluster that knows no such list. */
    assert_int_equal(handlers_in("{\"status\":{}}"), 2);
}

static void a_withdrawal_is_seen(void **state)
{
    const struct cluster_set set = {.space = "skep-system", .name = "skep"};
    struct fault why = {0};

    (void)state;
    answer = "{\"metadata\":{\"annotations\":{\"skep.dev/withdrawn\":\"true\"}}}";
    assert_int_equal(cluster_is_withdrawn(NULL, &set, &why), 1);
    assert_string_equal(asked, "GET /apis/apps/v1/namespaces/skep-system/daemonsets/skep -\n");
    answer = "{\"metadata\":{\"annotations\":{\"other\":\"true\"}}}";
    assert_int_equal(cluster_is_withdrawn(NULL, &set, &why), 0);
    answer = "{\"metadata\":{}}";
    assert_int_equal(cluster_is_withdrawn(NULL, &set, &why), 0);
    answer = "{\"metadata\":";
    assert_true(cluster_is_withdrawn(NULL, &set, &why) < 0);
    answer = NULL;
    assert_true(cluster_is_withdrawn(NULL, &set, &why) < 0);
    assert_int_equal(why.kind, FAULT_NOT_FOUND);
}

static void marked_nodes_are_named(void **state)
{
    AUTO(buf_fini) struct buf many = BUF(1 << 20);
    struct fault why = {0};
    char words[CLUSTER_LIST_ROOM];

    (void)state;
    answer = "{\"items\":[]}";
    assert_int_equal(cluster_marked_nodes(NULL, words, &why), 0);
    assert_string_equal(words, "");
    answer = "{\"items\":[{\"metadata\":{\"name\":\"a\"}},{\"metadata\":{\"name\":\"b\","
             "\"annotations\":{\"skep.dev/failure\":\"2 pods\"}}}]}";
    assert_int_equal(cluster_marked_nodes(NULL, words, &why), 2);
    assert_string_equal(words, "a, b (2 pods)");
    buf_print(&many, "{\"items\":[");
    for (int i = 0; i < 500; i++) {
        buf_print(&many, "%s{\"metadata\":{\"name\":\"a-node-with-a-long-name-%d\"}}",
                  i > 0 ? "," : "", i);
    }
    buf_print(&many, "]}");
    buf_put_u8(&many, 0);
    answer = (const char *)many.data;
    assert_int_equal(cluster_marked_nodes(NULL, words, &why), 500);
    assert_true(strlen(words) < sizeof(words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_is_marked),     cmocka_unit_test(an_event_is_one),
        cmocka_unit_test(handlers_are_counted), cmocka_unit_test(a_withdrawal_is_seen),
        cmocka_unit_test(marked_nodes_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
