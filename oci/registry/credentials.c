/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of "auths" may be URLs: they are compared without scheme and path. */
#include "oci/registry/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/process.h"
#include "base/text.h"

enum { HELPER_NAME_MAX = 64, HELPER_SECONDS = 30, REGISTRY_NAME_MAX = 255 };

void credentials_fini(struct credentials *credentials)
{
    char *secrets[] = {credentials->secret, credentials->bearer};

    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
        if (secrets[i]) {
            explicit_bzero(secrets[i], strlen(secrets[i]));
            free(secrets[i]);
        }
    }
    free(credentials->user);
    *credentials = (struct credentials){NULL, NULL, NULL};
}

static char *copy_member(const struct node *object, const char *key)
{
    const char *text = node_string(node_member(object, key));

    return text && text[0] != '\0' ? COPY_TEXT(text) : NULL;
}

/* "user:password" in base64; docker pads with NUL bytes, which are no part of it. */
static void take_auth(const struct node *entry, struct credentials *ret)
{
    AUTO(buf_fini) struct buf plain = BUF(CREDENTIALS_ANSWER_MAX);
    const char *auth = node_string(node_member(entry, "auth"));
    bool is_whole = auth && base64_decode(text_of(auth), &plain);
    const char *colon = NULL;

    buf_put_u8(&plain, '\0');
    if (is_whole && !plain.overflow) { /* one that does not fit is none */
        colon = strchr((const char *)plain.data, ':');
    }
    if (colon && !ret->user) {
        ret->user = memory_text((const char *)plain.data, (size_t)(colon - (const char *)plain.data));
        ret->secret = COPY_TEXT(colon + 1);
    }
    explicit_bzero(plain.data, plain.length);
}

static void take_entry(const struct node *entry, struct credentials *ret)
{
    ret->bearer = copy_member(entry, "registrytoken");
    ret->secret = copy_member(entry, "identitytoken");
    if (ret->secret) {
        return;
    }
    ret->user = copy_member(entry, "username");
    ret->secret = ret->user ? copy_member(entry, "password") : NULL;
    take_auth(entry, ret);
}

static bool is_registry(const char *key, const char *registry)
{
    const char *scheme = strstr(key, "://");
    size_t length;

    key = scheme ? scheme + 3 : key;
    length = strcspn(key, "/");
    return length == strlen(registry) && strncasecmp(key, registry, length) == 0;
}

static const struct node *find_entry(const struct node *auths, const char *registry)
{
    for (size_t i = 0; i < node_count(auths); i++) {
        const char *key = NULL;
        const struct node *entry = node_at(auths, i, &key);

        if (entry && is_registry(key, registry)) {
            return entry;
        }
    }
    return NULL;
}

/* Reads until the end of the pipe or the deadline. Return: 0 or negative errno. */
static int read_helper(int from, struct buf *ret)
{
    uint64_t end = clock_now_ns() + HELPER_SECONDS * NS_PER_S;

    for (;;) {
        uint64_t now = clock_now_ns();
        struct pollfd wait = {.fd = from, .events = POLLIN};
        uint8_t *at = buf_reserve(ret, 4096);
        ssize_t got;

        if (!at) {
            return -EFBIG;
        }
        if (now >= end || poll(&wait, 1, (int)((end - now) / NS_PER_MS) + 1) == 0) {
            return -ETIMEDOUT;
        }
        got = read(from, at, 4096);
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        if (got == 0) {
            return 0;
        }
        ret->length += got > 0 ? (size_t)got : 0;
    }
}

static int run_helper(const char *program, const char *registry, struct buf *ret,
                      struct fault *why)
{
    const char *argv[] = {"/bin/sh", "-c", "exec \"$0\" get", program, NULL};
    struct process_plan plan = {.path = "/bin/sh",
                                .argv = argv,
                                .envp = (const char *const *)environ,
                                .err = STDERR_FILENO};
    AUTO(fd_close) int hear = -1;
    AUTO(fd_close) int say = -1;
    char question[REGISTRY_NAME_MAX + 2];
    int in[2];
    int out[2];
    int pid = 0;
    int status = 0;
    int done;

    (void)snprintf(question, sizeof(question), "%s\n", registry);
    if (pipe2(in, O_CLOEXEC) < 0) {
        return fault_sys(why, -errno, "make a pipe for %s", program);
    }
    say = in[1];
    plan.in = in[0];
    if (pipe2(out, O_CLOEXEC) < 0) {
        (void)fd_close(in[0]);
        return fault_sys(why, -errno, "make a pipe for %s", program);
    }
    hear = out[0];
    plan.out = out[1];
    done = process_start(&plan, &pid, why);
    (void)fd_close(in[0]);
    (void)fd_close(out[1]);
    TRY(done);
    /* A helper that reads nothing must not end us by SIGPIPE: main() ignores that signal. */
    done = fs_write_all(say, question, strlen(question));
    say = fd_close(say);
    done = done == -EPIPE || done == 0 ? read_helper(hear, ret) : done;
    if (done < 0) {
        (void)kill(pid, SIGKILL);
    }
    (void)waitpid(pid, &status, 0);
    if (done < 0) {
        return fault_sys(why, done, "ask %s about %s", program, registry);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int ask_helper(const char *suffix, const char *registry, struct credentials *ret,
                      struct fault *why)
{
    AUTO(buf_fini) struct buf answer = BUF(CREDENTIALS_ANSWER_MAX);
    AUTO(node_free) struct node *root = NULL;
    char program[HELPER_NAME_MAX + 32];
    int found;

    if (suffix[0] == '\0' || strlen(suffix) > HELPER_NAME_MAX ||
        strspn(suffix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
            strlen(suffix)) {
        return fault(why, FAULT_INVALID, "\"%.64s\" is no name of a credential helper", suffix);
    }
    (void)snprintf(program, sizeof(program), "docker-credential-%s", suffix);
    found = run_helper(program, registry, &answer, why);
    TRY(found);
    if (found == 0) {
        return 0; /* it has nothing for this registry */
    }
    TRY(node_parse((struct text){(const char *)answer.data, answer.length}, program,
                   CREDENTIALS_ANSWER_MAX, &root, why));
    ret->user = copy_member(root, "Username");
    ret->secret = copy_member(root, "Secret");
    if (ret->user && strcmp(ret->user, "<token>") == 0) {
        ret->user = memory_free(ret->user);
    }
    return 0;
}

static bool config_path(char *ret, size_t room)
{
    const char *file = getenv("REGISTRY_AUTH_FILE");
    const char *folder = getenv("DOCKER_CONFIG");
    const char *home = getenv("HOME");

    if (file) {
        (void)snprintf(ret, room, "%s", file);
    } else if (folder) {
        (void)snprintf(ret, room, "%s/config.json", folder);
    } else if (home) {
        (void)snprintf(ret, room, "%s/.docker/config.json", home);
    }
    return file || folder || home;
}

int credentials_find(const char *registry, struct credentials *ret, struct fault *why)
{
    AUTO(buf_fini) struct buf bytes = BUF(CREDENTIALS_CONFIG_MAX);
    AUTO(node_free) struct node *root = NULL;
    char path[4096];
    const char *helper = NULL;

    *ret = (struct credentials){NULL, NULL, NULL};
    if (!config_path(path, sizeof(path)) || access(path, F_OK) < 0) {
        return 0;
    }
    TRY(fs_read_small(AT_FDCWD, path, &bytes, why));
    TRY(node_parse((struct text){(const char *)bytes.data, bytes.length}, path,
                   CREDENTIALS_CONFIG_MAX, &root, why));
    helper = node_string(find_entry(node_member(root, "credHelpers"), registry));
    helper = helper ? helper : node_string(node_member(root, "credsStore"));
    if (helper) {
        TRY(ask_helper(helper, registry, ret, why));
    }
    if (!ret->secret) {
        take_entry(find_entry(node_member(root, "auths"), registry), ret);
    }
    return 0;
}
