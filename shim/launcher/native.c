/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod is found beside the container: as the bundle of a pause, which is a task like all others, or
 * among the bundles of sandboxes of the Sandbox API, whose config.json skepd has written.
 */
#include "shim/launcher/native.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/launcher/edit.h"
#include "shim/launcher/file.h"
#include "shim/launcher/options.h"
#include "shim/launcher/pod_namespaces.h"
#include "shim/launcher/runc_shim.h"
#include "shim/launcher/span.h"

#define MARKER "skep-native"
#define RUNC_SHIM "containerd-shim-runc-v2"

enum { KIND_BYTES_MAX = 32 };

static void __attribute__((noreturn)) runc_shim_become(const struct options *options, char **argv)
{
    char beside[PATH_MAX];
    const char *slash = strrchr(options->publisher, '/');

    argv[0] = (char *)(uintptr_t)RUNC_SHIM;
    (void)execvp(RUNC_SHIM, argv);
    if (slash) {
        (void)snprintf(beside, sizeof(beside), "%.*s/" RUNC_SHIM,
                       (int)(slash - options->publisher), options->publisher);
        (void)execv(beside, argv);
    }
    die("the image holds no Wasm, and " RUNC_SHIM " cannot be executed: %s", strerror(errno));
}

static struct span document(const char *path, const char *what)
{
    char *text = NULL;
    ssize_t length = file_read(path, CONFIG_BYTES_MAX, &text);
    struct span root = {NULL, NULL};

    if (length < 0) {
        die("read %s: %s", what, strerror(errno));
    }
    root = span_document(text, (size_t)length);
    if (!root.begin) {
        die("%s is not JSON, or nested deeper than %d levels", what, SPAN_DEPTH_MAX);
    }
    return root;
}

static bool is_safe_id(const char *id)
{
    return id[0] != '\0' && id[0] != '.' && strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz"
                                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-") == strlen(id);
}

/* Both are folders of containerd's state: <state>/<plugin>/<namespace>/<id>. */
#define BESIDE ".."
#define SANDBOXES "../../../io.containerd.sandbox.controller.v1.shim"

static void pod_find(const struct options *options, struct pod_view *pod)
{
    char path[PATH_MAX];
    char config[PATH_MAX + 16];

    (void)snprintf(path, sizeof(path), BESIDE "/%s", pod->id);
    if (access(path, F_OK) < 0 && is_safe_id(options->namespace_id)) {
        (void)snprintf(path, sizeof(path), SANDBOXES "/%s/%s", options->namespace_id, pod->id);
        pod->is_api_sandbox = true;
    }
    if (!realpath(path, pod->bundle)) {
        die("find the pod %s of container %s: %s", pod->id, options->id, strerror(errno));
    }
    (void)snprintf(config, sizeof(config), "%s/config.json", pod->bundle);
    pod->pause = document(config, "the config.json of the pod's pause");
}

/* Not its pid namespace: a debug container joins that of another container. */
static long pause_pid(struct span spec)
{
    static const char *const kinds[] = {"network", "ipc", "uts"};
    long pid = 0;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && pid == 0; i++) {
        pid = edit_namespace_pid(spec, kinds[i]);
    }
    return pid;
}

static void pod_join(struct span spec, const struct options *options, struct pod_view *pod)
{
    struct pod_parts parts = {.anchor = false};

    pod_find(options, pod);
    pod->pause_pid = pause_pid(spec);
    if (edit_namespace(spec, "user").begin) {
        die("container %s: a container without Wasm cannot be in a pod with user namespaces "
            "(hostUsers: false)", options->id);
    }
    parts.anchor = pod->pause_pid != 0 && edit_namespace_pid(spec, "pid") == pod->pause_pid &&
                   edit_namespace(pod->pause, "pid").begin;
    parts.shm = pod->is_api_sandbox && edit_namespace(pod->pause, "ipc").begin;
    pod_namespaces_make(pod->id, pod->pause, &parts);
    edit_config(spec, pod);
}

void native_start(const struct options *options, char **argv)
{
    struct span spec = document("config.json", "config.json");
    struct span notes = span_member(spec, "annotations");
    struct pod_view pod = {.pause_pid = 0};
    char type[KIND_BYTES_MAX];

    (void)span_text(span_member(notes, "io.kubernetes.cri.container-type"), type, sizeof(type));
    (void)span_text(span_member(notes, "io.kubernetes.cri.sandbox-id"), pod.id, sizeof(pod.id));
    if (strcmp(type, "container") == 0 && is_safe_id(pod.id)) {
        pod_join(spec, options, &pod);
    } else {
        pod.id[0] = '\0';
    }
    if (file_write(MARKER, pod.id, strlen(pod.id), 0600) < 0) {
        die("write " MARKER ": %s", strerror(errno));
    }
    runc_shim_become(options, argv);
}

bool native_is_marked(void)
{
    return access(MARKER, F_OK) == 0;
}

void native_delete(const struct options *options, char **argv)
{
    char *pod = NULL;
    ssize_t length = file_read(MARKER, ID_BYTES_MAX - 1, &pod);

    if (length > 0 && is_safe_id(pod)) {
        runc_shim_note(pod, options->namespace_id, options->id);
    }
    free(pod);
    runc_shim_become(options, argv);
}

void native_pod_gone(const char *id)
{
    if (is_safe_id(id)) {
        runc_shims_end(id);
        pod_namespaces_remove(id);
    }
}
