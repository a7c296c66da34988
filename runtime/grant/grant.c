/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On the wire: a version byte; arguments, environment (count, texts); cwd; folders (count, each a
 * guest path and a byte of flags); limits; network, on-term, access log, port,
 * user; the network's
 * rules and texts, and a call (each a byte that says whether it is there, and the text).
 */
#include "runtime/grant/grant.h"

#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/text.h"

enum { GRANT_VERSION = 2, FOLDER_READ_ONLY = 1, FOLDER_FILE = 2, FOLDER_ROOTFS = 4 };

static const size_t limit_offsets[] = {
    offsetof(struct grant_limits, memory_bytes),   offsetof(struct grant_limits, cpu_weight),
    offsetof(struct grant_limits, cpu_quota_ns),   offsetof(struct grant_limits, cpu_period_ns),
    offsetof(struct grant_limits, instance_max),   offsetof(struct grant_limits, handle_max),
    offsetof(struct grant_limits, file_max),
    offsetof(struct grant_limits, request_max),    offsetof(struct grant_limits, request_ns),
    offsetof(struct grant_limits, queue_max),      offsetof(struct grant_limits, queue_ns),
    offsetof(struct grant_limits, connection_max), offsetof(struct grant_limits, body_bytes),
    offsetof(struct grant_limits, head_bytes),     offsetof(struct grant_limits, head_ns),
    offsetof(struct grant_limits, stream_max),     offsetof(struct grant_limits, connection_requests),
    offsetof(struct grant_limits, reuse_max),      offsetof(struct grant_limits, reuse_ns),
    offsetof(struct grant_limits, lame_duck_ns),
};
_Static_assert(sizeof(struct grant_limits) == ARRAY_SIZE(limit_offsets) * sizeof(uint64_t),
               "every limit crosses the wire");

void grant_limits_encode(const struct grant_limits *limits, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(limit_offsets); i++) {
        uint64_t value = 0;

        memcpy(&value, (const char *)limits + limit_offsets[i], sizeof(value));
        buf_put_le64(out, value);
    }
}

bool grant_limits_decode(struct cursor *in, struct grant_limits *ret)
{
    if (cursor_left(in) < ARRAY_SIZE(limit_offsets) * sizeof(uint64_t)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(limit_offsets); i++) {
        uint64_t value = 0;

        if (!cursor_le64(in, &value)) {
            return false;
        }
        memcpy((char *)ret + limit_offsets[i], &value, sizeof(value));
    }
    return true;
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(texts[i]);
    }
    free(texts);
}

struct grant *grant_free(own struct grant *grant)
{
    if (!grant) {
        return NULL;
    }
    free_texts(grant->args, grant->args_count);
    free_texts(grant->env, grant->env_count);
    free_texts(grant->ignored, grant->ignored_count);
    for (size_t i = 0; i < grant->folders_count; i++) {
        free(grant->folders[i].source);
        free(grant->folders[i].guest);
    }
    free(grant->folders);
    free(grant->cwd);
    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        free(grant->network_texts[i]);
        free(grant->network_files[i]);
    }
    free(grant->network_allow);
    free(grant->trust);
    free(grant->netns);
    free(grant->termination_log);
    free(grant->call);
    free(grant);
    return NULL;
}

void grant_use_node_files(struct grant *grant)
{
    static const char *const places[GRANT_TEXTS] = {
        [GRANT_TEXT_RESOLV_CONF] = "/etc/resolv.conf",
        [GRANT_TEXT_HOSTS] = "/etc/hosts",
        [GRANT_TEXT_TRUST] = "/etc/ssl/certs/ca-certificates.crt",
    };

    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        if (!grant->network_files[i]) {
            grant->network_files[i] = COPY_TEXT(places[i]);
        }
    }
}

static void put_texts(char *const *texts, size_t count, struct buf *out)
{
    buf_put_le32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        buf_put_text(out, texts[i]);
    }
}

static int check_texts(char *const *texts, size_t count, size_t max, const char *what,
                       struct fault *why)
{
    if (count > max) {
        return fault(why, FAULT_LIMIT, "%zu %s; at most %zu are granted", count, what, max);
    }
    for (size_t i = 0; i < count; i++) {
        if (strlen(texts[i]) > GRANT_TEXT_MAX) {
            return fault(why, FAULT_LIMIT, "number %zu of the %s has more than %d bytes", i + 1,
                         what, GRANT_TEXT_MAX);
        }
    }
    return 0;
}

static int check_folders(const struct grant *grant, struct fault *why)
{
    if (grant->folders_count > GRANT_FOLDERS_MAX) {
        return fault(why, FAULT_LIMIT, "%zu folders; at most %d are granted", grant->folders_count,
                     GRANT_FOLDERS_MAX);
    }
    for (size_t i = 0; i < grant->folders_count; i++) {
        size_t length = strlen(grant->folders[i].guest);

        if (grant->folders[i].guest[0] != '/' || length > GRANT_PATH_MAX) {
            return fault(why, FAULT_INVALID, "a folder is shown at an absolute path of at most %d "
                         "bytes, not at %.200s", GRANT_PATH_MAX, grant->folders[i].guest);
        }
    }
    return 0;
}

static int check_network(const struct grant *grant, struct fault *why)
{
    bool is_long = grant->network_allow && strlen(grant->network_allow) > GRANT_NETWORK_TEXT_MAX;

    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        const char *text = grant->network_texts[i];

        is_long = is_long || (text && strlen(text) > GRANT_NETWORK_TEXT_MAX);
    }
    return is_long ? fault(why, FAULT_LIMIT, "a text for the network has more than %d bytes",
                           GRANT_NETWORK_TEXT_MAX)
                   : 0;
}

static void put_optional(const char *text, struct buf *out)
{
    buf_put_u8(out, text ? 1 : 0);
    if (text) {
        buf_put_text(out, text);
    }
}

static void put_network(const struct grant *grant, struct buf *out)
{
    put_optional(grant->network_allow, out);
    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        put_optional(grant->network_texts[i], out);
    }
}

static int check(const struct grant *grant, struct fault *why)
{
    TRY(check_texts(grant->args, grant->args_count, GRANT_ARGS_MAX, "arguments", why));
    TRY(check_texts(grant->env, grant->env_count, GRANT_ENV_MAX, "variables", why));
    TRY(check_folders(grant, why));
    TRY(check_network(grant, why));
    TRY(check_texts(&grant->call, grant->call ? 1 : 0, 1, "calls", why));
    if (grant->cwd && (grant->cwd[0] != '/' || strlen(grant->cwd) > GRANT_PATH_MAX)) {
        return fault(why, FAULT_INVALID, "the cwd is an absolute path of at most %d bytes, not "
                     "%.200s", GRANT_PATH_MAX, grant->cwd);
    }
    return 0;
}

int grant_encode(const struct grant *grant, struct buf *out, struct fault *why)
{
    TRY(check(grant, why));
    buf_put_u8(out, GRANT_VERSION);
    put_texts(grant->args, grant->args_count, out);
    put_texts(grant->env, grant->env_count, out);
    buf_put_text(out, grant->cwd ? grant->cwd : "/");
    buf_put_le32(out, (uint32_t)grant->folders_count);
    for (size_t i = 0; i < grant->folders_count; i++) {
        const struct grant_folder *folder = &grant->folders[i];

        buf_put_text(out, folder->guest);
        buf_put_u8(out, (uint8_t)((folder->read_only ? FOLDER_READ_ONLY : 0) |
                                  (folder->is_file ? FOLDER_FILE : 0) |
                                  (folder->is_rootfs ? FOLDER_ROOTFS : 0)));
    }
    grant_limits_encode(&grant->limits, out);
    buf_put_u8(out, (uint8_t)grant->network);
    buf_put_u8(out, grant->on_term_wait ? 1 : 0);
    buf_put_u8(out, grant->access_log ? 1 : 0);
    buf_put_le32(out, grant->port);
    buf_put_le64(out, (uint64_t)grant->user);
    put_network(grant, out);
    put_optional(grant->call, out);
    return buf_check(out, "a grant (arguments, environment, folders)", why);
}

static int out_of_bounds(const char *what, struct fault *why)
{
    return fault(why, FAULT_INVALID, "an encoded grant: %s is short or out of bounds", what);
}

static bool take_path(struct cursor *in, char **ret)
{
    struct text text = {0};

    if (!cursor_text(in, GRANT_PATH_MAX, &text) || !text_starts(text, "/")) {
        return false;
    }
    *ret = text_copy(text);
    return true;
}

static bool take_texts(struct cursor *in, uint32_t max, char ***ret, size_t *ret_count)
{
    uint32_t count = 0;

    if (!cursor_le32(in, &count) || count > max) {
        return false;
    }
    *ret = NEW_ARRAY(count + 1U, char *);
    for (uint32_t i = 0; i < count; i++) {
        struct text text = {0};

        if (!cursor_text(in, GRANT_TEXT_MAX, &text)) {
            return false;
        }
        (*ret)[i] = text_copy(text);
        *ret_count = i + 1U;
    }
    return true;
}

static bool take_flag(struct cursor *in, uint8_t max, uint8_t *ret)
{
    return cursor_u8(in, ret) && *ret <= max;
}

static bool take_folders(struct cursor *in, struct grant *grant)
{
    uint32_t count = 0;

    if (!cursor_le32(in, &count) || count > GRANT_FOLDERS_MAX) {
        return false;
    }
    grant->folders = NEW_ARRAY(count + 1U, struct grant_folder);
    for (uint32_t i = 0; i < count; i++) {
        struct grant_folder *folder = &grant->folders[i];
        uint8_t flags = 0;

        grant->folders_count = i + 1U;
        if (!take_path(in, &folder->guest) ||
            !take_flag(in, FOLDER_READ_ONLY | FOLDER_FILE | FOLDER_ROOTFS, &flags)) {
            return false;
        }
        folder->read_only = (flags & FOLDER_READ_ONLY) != 0;
        folder->is_file = (flags & FOLDER_FILE) != 0;
        folder->is_rootfs = (flags & FOLDER_ROOTFS) != 0;
    }
    return true;
}

static bool take_rest(struct cursor *in, struct grant *grant)
{
    uint8_t network = 0;
    uint8_t wait = 0;
    uint8_t access_log = 0;
    uint32_t port = 0;
    uint64_t user = 0;

    if (!take_flag(in, GRANT_NETWORK_POD, &network) || !take_flag(in, 1, &wait) ||
        !take_flag(in, 1, &access_log) || !cursor_le32(in, &port) || port > UINT16_MAX ||
        !cursor_le64(in, &user)) {
        return false;
    }
    grant->network = (enum grant_network)network;
    grant->on_term_wait = wait != 0;
    grant->access_log = access_log != 0;
    grant->port = (uint16_t)port;
    grant->user = (int64_t)user;
    return true;
}

static bool take_optional(struct cursor *in, char **ret)
{
    struct text text = {0};
    uint8_t is_there = 0;

    if (!take_flag(in, 1, &is_there)) {
        return false;
    }
    if (is_there == 0) {
        return true;
    }
    if (!cursor_text(in, GRANT_NETWORK_TEXT_MAX, &text)) {
        return false;
    }
    *ret = text_copy(text);
    return true;
}

static bool take_network(struct cursor *in, struct grant *grant)
{
    if (!take_optional(in, &grant->network_allow)) {
        return false;
    }
    for (size_t i = 0; i < GRANT_TEXTS; i++) {
        if (!take_optional(in, &grant->network_texts[i])) {
            return false;
        }
    }
    return true;
}

static int take_grant(struct cursor *in, struct grant *grant, struct fault *why)
{
    uint8_t version = 0;

    if (!cursor_u8(in, &version) || version != GRANT_VERSION) {
        return out_of_bounds("its version", why);
    }
    if (!take_texts(in, GRANT_ARGS_MAX, &grant->args, &grant->args_count)) {
        return out_of_bounds("an argument", why);
    }
    if (!take_texts(in, GRANT_ENV_MAX, &grant->env, &grant->env_count)) {
        return out_of_bounds("a variable", why);
    }
    if (!take_path(in, &grant->cwd)) {
        return out_of_bounds("the cwd", why);
    }
    if (!take_folders(in, grant)) {
        return out_of_bounds("a folder", why);
    }
    if (!grant_limits_decode(in, &grant->limits)) {
        return out_of_bounds("a limit", why);
    }
    if (!take_rest(in, grant)) {
        return out_of_bounds("its settings", why);
    }
    if (!take_network(in, grant)) {
        return out_of_bounds("its network", why);
    }
    return take_optional(in, &grant->call) ? 0 : out_of_bounds("its call", why);
}

int grant_decode(struct cursor *in, own struct grant **ret, struct fault *why)
{
    AUTO(grant_free) struct grant *grant = NEW(struct grant);
    struct cursor at = *in;

    TRY(take_grant(&at, grant, why));
    *in = at;
    *ret = TAKE(grant);
    return 0;
}
