/* SPDX-License-Identifier: Apache-2.0 */
/* A token server is asked by GET; only an identity token needs POST (OAuth 2). */
#include "oci/registry/auth.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "oci/registry/credentials.h"
#include "oci/registry/http.h"

enum { URL_MAX = 16384 };

static void put_escaped(struct buf *buf, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                     (byte >= 'A' && byte <= 'Z') || strchr("-._~:/", byte);

        if (plain) {
            buf_put_u8(buf, byte);
        } else {
            buf_print(buf, "%%%02X", byte);
        }
    }
}

static void put_basic(struct buf *buf, const struct credentials *credentials)
{
    AUTO(buf_fini) struct buf pair = BUF(AUTH_TOKEN_MAX);

    buf_print(&pair, "%s:%s", credentials->user, credentials->secret);
    buf_print(buf, "Authorization: Basic ");
    base64_encode((struct text){(const char *)pair.data, pair.length}, buf);
    explicit_bzero(pair.data, pair.length);
}

static const char *scope_of(const struct auth_ask *ask)
{
    return ask->challenge->scope[0] != '\0' ? ask->challenge->scope : ask->scope;
}

/* Scopes are separated by spaces in a challenge, and given one by one to the server. */
static void put_scopes(struct buf *url, const char *scopes)
{
    char each[CHALLENGE_VALUE_MAX];
    char *rest = NULL;

    (void)snprintf(each, sizeof(each), "%s", scopes);
    for (char *one = strtok_r(each, " ", &rest); one; one = strtok_r(NULL, " ", &rest)) {
        buf_print(url, "&scope=");
        put_escaped(url, one);
    }
}

static int token_take(const struct buf *answer, struct buf *ret, struct fault *why)
{
    AUTO(node_free) struct node *root = NULL;
    const char *token = NULL;

    TRY(node_parse((struct text){(const char *)answer->data, answer->length}, "the token",
                   AUTH_TOKEN_MAX, &root, why));
    token = node_string(node_member(root, "token"));
    token = token ? token : node_string(node_member(root, "access_token"));
    if (!token || strpbrk(token, "\r\n")) {
        return fault(why, FAULT_INVALID, "the token server's answer holds no token");
    }
    buf_print(ret, "Authorization: Bearer %s", token);
    return 0;
}

static int token_fetch(struct http *http, const struct http_request *request, const char *realm,
                       struct buf *ret, struct fault *why)
{
    AUTO(buf_fini) struct buf answer = BUF(AUTH_TOKEN_MAX);
    AUTO(buf_fini) struct buf errors = BUF(512);
    struct http_sink sink = {.buf = &answer, .file = -1, .max = AUTH_TOKEN_MAX};
    struct http_exchange exchange = {.sink = &sink, .errors = &errors};
    struct http_answer head;

    TRY(http_perform(http, request, &exchange, &head, why));
    if (head.status != 200) {
        return fault(why, FAULT_DENIED, "the token server %.200s answers %ld", realm, head.status);
    }
    return token_take(&answer, ret, why);
}

/* Secrets go to a realm only over https, unless the registry itself is spoken to without. */
static int realm_check(const struct auth_ask *ask, struct fault *why)
{
    const char *realm = ask->challenge->realm;

    if (strncmp(realm, "https://", 8) != 0 &&
        (ask->secure || strncmp(realm, "http://", 7) != 0)) {
        return fault(why, FAULT_DENIED, "the registry sends for tokens to \"%.200s\", which is not "
                     "https", realm);
    }
    return 0;
}

static int token_by_refresh(struct http *http, const struct auth_ask *ask, struct buf *ret,
                            struct fault *why)
{
    AUTO(buf_fini) struct buf form = BUF(AUTH_TOKEN_MAX);
    struct http_request request = {
        .method = "POST",
        .url = ask->challenge->realm,
        .headers = {"Content-Type: application/x-www-form-urlencoded"},
    };

    buf_print(&form, "grant_type=refresh_token&client_id=skep&service=");
    put_escaped(&form, ask->challenge->service);
    buf_print(&form, "&scope=");
    put_escaped(&form, scope_of(ask));
    buf_print(&form, "&refresh_token=");
    put_escaped(&form, ask->credentials->secret);
    TRY(buf_check(&form, "the request for a token", why));
    request.body = (struct http_body){.bytes = form.data, .length = form.length};
    return token_fetch(http, &request, ask->challenge->realm, ret, why);
}

static int token_by_get(struct http *http, const struct auth_ask *ask, struct buf *ret,
                        struct fault *why)
{
    AUTO(buf_fini) struct buf url = BUF(URL_MAX);
    AUTO(buf_fini) struct buf basic = BUF(AUTH_TOKEN_MAX);
    struct http_request request = {.method = "GET"};
    const struct challenge *challenge = ask->challenge;

    buf_print(&url, "%s%sclient_id=skep&service=", challenge->realm,
              strchr(challenge->realm, '?') ? "&" : "?");
    put_escaped(&url, challenge->service);
    put_scopes(&url, scope_of(ask));
    buf_put_u8(&url, '\0');
    if (ask->credentials->user) {
        put_basic(&basic, ask->credentials);
        buf_put_u8(&basic, '\0');
        request.headers[0] = (const char *)basic.data;
    }
    TRY(buf_check(&url, "the address of the token server", why));
    request.url = (const char *)url.data;
    return token_fetch(http, &request, challenge->realm, ret, why);
}

int auth_answer(struct http *http, const struct auth_ask *ask, struct buf *ret, struct fault *why)
{
    ret->length = 0;
    if (ask->credentials->bearer) {
        buf_print(ret, "Authorization: Bearer %s", ask->credentials->bearer);
    } else if (ask->challenge->bearer && ask->challenge->realm[0] != '\0') {
        TRY(realm_check(ask, why));
        if (ask->credentials->secret && !ask->credentials->user) {
            TRY(token_by_refresh(http, ask, ret, why));
        } else {
            TRY(token_by_get(http, ask, ret, why));
        }
    } else if (ask->challenge->basic && ask->credentials->user) {
        put_basic(ret, ask->credentials);
    }
    buf_put_u8(ret, '\0');
    return buf_check(ret, "the authorization", why);
}
