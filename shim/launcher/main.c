/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-shim-skep-v2: what containerd executes in a bundle. It hands over: to skepd, or to the
 * stock runc shim for a container without Wasm. On start, nothing but the address may be printed.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shim/launcher/daemon.h"
#include "shim/launcher/file.h"
#include "shim/launcher/native.h"
#include "shim/launcher/options.h"
#include "shim/launcher/wire.h"

static void print_all(const void *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, stdout) != length || fflush(stdout) != 0) {
        exit(1);
    }
}

/* The runtime's name says which isolation domain its containers get. */
static const char *domain_mode(const char *program)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash ? slash + 1 : program;

    if (strstr(name, "skep-shared")) {
        return CONTROL_DOMAIN_NODE;
    }
    return strstr(name, "skep-isolated") ? CONTROL_DOMAIN_POD : CONTROL_DOMAIN_NAMESPACE;
}

static void ask_to_start(const struct options *options, const char *const *texts,
                         struct answer *answer)
{
    char state[STATE_PATH_MAX];

    daemon_state(options, state);
    /* A daemon may end, idle, between our look and our question: then look again. */
    for (int tries = 0; tries < 4; tries++) {
        if (tries > 0) {
            daemon_ensure(state, options);
        }
        if (daemon_ask(state, CONTROL_START, texts, answer) == 0) {
            return;
        }
    }
    die("skepd in %s does not answer: %s", state, strerror(errno));
}

static int start(const struct options *options, char **argv)
{
    char bundle[PATH_MAX];
    struct answer answer;
    const char *texts[] = {options->namespace_id, options->id,           bundle, options->address,
                           options->ttrpc,        domain_mode(argv[0]), NULL};

    if (options->namespace_id[0] == '\0' || options->id[0] == '\0') {
        die("start needs -namespace and -id");
    }
    if (!getcwd(bundle, sizeof(bundle))) {
        die("find the bundle: %s", strerror(errno));
    }
    ask_to_start(options, texts, &answer);
    if (answer.letter == CONTROL_NATIVE) {
        native_start(options, argv);
    }
    if (answer.letter != CONTROL_OURS) {
        die("%s", answer.text);
    }
    /* containerd 1.7 finds the task again by this file after its own restart. */
    if (file_write("address", answer.text, strlen(answer.text), 0600) < 0) {
        die("write the address into %s: %s", bundle, strerror(errno));
    }
    print_all(answer.text, strlen(answer.text));
    return 0;
}

/* The daemon that the bundle names, else the one of this containerd and build. */
static void state_of_bundle(const struct options *options, char *ret)
{
    static const char prefix[] = "unix://";
    static const char name[] = "/" CONTROL_TASK_PREFIX;
    char *address = NULL;
    ssize_t length = file_read("address", SMALL_BYTES_MAX, &address);
    const char *path = NULL;
    const char *slash = NULL;

    daemon_state(options, ret);
    if (length > (ssize_t)sizeof(prefix) && strncmp(address, prefix, sizeof(prefix) - 1) == 0) {
        path = address + sizeof(prefix) - 1;
        slash = strrchr(path, '/');
    }
    if (slash && slash - path < STATE_PATH_MAX && strncmp(slash, name, sizeof(name) - 1) == 0) {
        (void)snprintf(ret, STATE_PATH_MAX, "%.*s", (int)(slash - path), path);
    }
    free(address);
}

static int delete(const struct options *options, char **argv)
{
    char bundle[PATH_MAX] = "";
    char state[STATE_PATH_MAX];
    struct answer answer;
    struct wire_deleted deleted = {.status = 137};
    struct timespec now = {0};
    uint8_t bytes[WIRE_DELETED_MAX];
    const char *texts[] = {options->namespace_id, options->id, bundle, NULL};

    if (native_is_marked()) {
        native_delete(options, argv);
    }
    native_pod_gone(options->id);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    deleted.seconds = (uint64_t)now.tv_sec;
    deleted.nanos = (uint64_t)now.tv_nsec;
    if (!getcwd(bundle, sizeof(bundle))) {
        bundle[0] = '\0';
    }
    state_of_bundle(options, state);
    /* No daemon: nothing lives, and none is started for this. */
    if (daemon_ask(state, CONTROL_DELETE, texts, &answer) == 0 &&
        answer.letter == CONTROL_DELETED) {
        wire_read_deleted(answer.text, &deleted);
    }
    print_all(bytes, wire_print_deleted(&deleted, bytes));
    return 0;
}

int main(int argc, char **argv)
{
    struct options options;
    uint8_t info[WIRE_INFO_MAX];

    options_read(argc, argv, &options);
    if (options.version) {
        (void)printf("%s:\n  Version:  %s\n  Revision: %s\n", argv[0], SKEP_VERSION, SKEP_BUILD_ID);
        return 0;
    }
    if (options.info) {
        print_all(info, wire_print_info("io.containerd.skep.v2", SKEP_VERSION, SKEP_BUILD_ID, info));
        return 0;
    }
    if (options.action && strcmp(options.action, "start") == 0) {
        return start(&options, argv);
    }
    if (options.action && strcmp(options.action, "delete") == 0) {
        return delete(&options, argv);
    }
    die("usage: %s -namespace NS -id ID -address SOCKET [-bundle DIR] start|delete, or -info, -v",
        argv[0]);
}
