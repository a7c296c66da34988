/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s/installer/api.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "oci/registry/http.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

enum { TOKEN_MAX = 8000, WORDS_MAX = 16384 };

struct api {
    struct http *http;
    char address[300]; /* "https://10.96.0.1:443" */
};

int api_open(own struct api **ret, struct fault *why)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    AUTO(api_free) struct api *api = NULL;
    bool is_v6 = host && strchr(host, ':') != NULL;

    if (!host || !port) {
        return API_NONE;
    }
    api = NEW(struct api);
    if ((size_t)snprintf(api->address, sizeof(api->address), "https://%s%s%s:%s", is_v6 ? "[" : "",
                         host, is_v6 ? "]" : "", port) >= sizeof(api->address)) {
        return fault(why, FAULT_LIMIT, "KUBERNETES_SERVICE_HOST is too long");
    }
    TRY(http_new(&api->http, why));
    http_trust(api->http, ACCOUNT "/ca.crt");
    *ret = TAKE(api);
    return API_OPEN;
}

struct api *api_free(own struct api *api)
{
    if (api) {
        (void)http_free(api->http);
        free(api);
    }
    return NULL;
}

static int read_token(struct buf *ret, struct fault *why)
{
    buf_print(ret, "Authorization: Bearer ");
    {
        AUTO(buf_fini) struct buf token = BUF(TOKEN_MAX);

        TRY(fs_read_small(AT_FDCWD, ACCOUNT "/token", &token, why));
        buf_put(ret, token.data, token.length);
    }
    while (ret->length > 0 && ret->data[ret->length - 1] <= ' ') {
        ret->length--;
    }
    buf_put_u8(ret, 0);
    return 0;
}

/* The words of a Status object, or its status code alone. */
static int refused(const struct api_call *call, long status, const struct buf *answer,
                   struct fault *why)
{
    enum fault_kind kind = status == 404                    ? FAULT_NOT_FOUND
                           : status == 401 || status == 403 ? FAULT_DENIED
                           : status == 409                  ? FAULT_EXISTS
                           : status >= 500                  ? FAULT_UNAVAILABLE
                                                            : FAULT_INVALID;
    const struct text bytes = {(const char *)answer->data, answer->length};
    AUTO(node_free) struct node *root = NULL;
    struct fault unread = {0};
    const char *words = NULL;

    if (node_parse(bytes, "the answer", WORDS_MAX, &root, &unread) == 0) {
        words = node_string(node_member(root, "message"));
    }
    return fault(why, kind, "%s %s: the API server says %ld%s%.250s", call->method, call->path,
                 status, words ? ": " : "", words ? words : "");
}

int api_perform(struct api *api, const struct api_call *call, struct buf *ret, struct fault *why)
{
    AUTO(buf_fini) struct buf token = BUF(TOKEN_MAX + 64);
    AUTO(buf_fini) struct buf errors = BUF(WORDS_MAX);
    struct http_sink sink = {.buf = ret, .max = ret->max};
    const struct http_exchange exchange = {.sink = &sink, .errors = &errors};
    struct http_request request = {.method = call->method,
                                   .headers = {"Accept: application/json"},
                                   .body = {.bytes = call->body.at, .length = call->body.length}};
    char url[sizeof(api->address) + API_PATH_MAX];
    struct http_answer answer;
    char type[128];

    TRY(read_token(&token, why));
    (void)snprintf(url, sizeof(url), "%s%s", api->address, call->path);
    request.url = url;
    request.headers[1] = (const char *)token.data;
    if (call->content_type) {
        (void)snprintf(type, sizeof(type), "Content-Type: %s", call->content_type);
        request.headers[2] = type;
    }
    TRY(http_perform(api->http, &request, &exchange, &answer, why));
    return answer.status < 300 ? 0 : refused(call, answer.status, &errors, why);
}
