/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json is edited by spans: only the list linux.namespaces is written anew, every other byte
 * stays. P is the pid in the container's own network path: the number that we reported for the pause.
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

#include "shim/launcher/file.h"
#include "shim/launcher/options.h"
#include "shim/launcher/pod_namespaces.h"
#include "shim/launcher/runc_shim.h"
#include "shim/launcher/span.h"

#define MARKER "skep-native"
#define RUNC_SHIM "containerd-shim-runc-v2"

enum { ID_BYTES_MAX = 128, KIND_BYTES_MAX = 32 };

struct pod_view {
    char id[ID_BYTES_MAX];
    struct span pause; /* the pause's config.json */
    long pause_pid;    /* P */
};

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

static struct span namespace_find(struct span spec, const char *kind)
{
    struct span list = span_member(span_member(spec, "linux"), "namespaces");
    struct span entry = {NULL, NULL};
    char name[KIND_BYTES_MAX];

    for (entry = span_next(list, entry); entry.begin; entry = span_next(list, entry)) {
        if (span_text(span_member(entry, "type"), name, sizeof(name)) && strcmp(name, kind) == 0) {
            break;
        }
    }
    return entry;
}

/* The pid in "/proc/PID/ns/KIND"; 0 for any other path. */
static long path_pid(const char *path)
{
    char *end = NULL;
    long pid = 0;

    if (strncmp(path, "/proc/", 6) == 0) {
        pid = strtol(path + 6, &end, 10);
        pid = strncmp(end, "/ns/", 4) == 0 ? pid : 0;
    }
    return pid;
}

static void namespace_path(struct span spec, const char *kind, char ret[POD_PATH_MAX])
{
    (void)span_text(span_member(namespace_find(spec, kind), "path"), ret, POD_PATH_MAX);
}

/* Where the entry that names the pause shall lead to; false: it is dropped. */
static bool pause_namespace(const struct pod_view *pod, const char *kind, char path[POD_PATH_MAX])
{
    if (!namespace_find(pod->pause, kind).begin) {
        return false; /* hostNetwork, hostIPC, hostPID */
    }
    if (strcmp(kind, "network") == 0) {
        namespace_path(pod->pause, kind, path);
    } else if (strcmp(kind, "pid") == 0) {
        (void)snprintf(path, POD_PATH_MAX, "/proc/%d/ns/pid", pod_anchor(pod->id));
    } else {
        pod_file(pod->id, kind, path);
    }
    return true;
}

/* An entry of ours takes at most this much. */
enum { ENTRY_BYTES_MAX = POD_PATH_MAX + KIND_BYTES_MAX + 32 };

static size_t entry_compose(char *out, const char *comma, const char *kind, const char *path)
{
    int length = path[0] == '\0'
                     ? snprintf(out, ENTRY_BYTES_MAX, "%s{\"type\":\"%s\"}", comma, kind)
                     : snprintf(out, ENTRY_BYTES_MAX, "%s{\"type\":\"%s\",\"path\":\"%s\"}", comma,
                                kind, path);

    return (size_t)length;
}

/* Appends what an entry becomes. Return: bytes written. */
static size_t entry_print(const struct pod_view *pod, struct span entry, bool first, char *out)
{
    char kind[KIND_BYTES_MAX];
    char path[POD_PATH_MAX];
    const char *comma = first ? "" : ",";

    (void)span_text(span_member(entry, "type"), kind, sizeof(kind));
    (void)span_text(span_member(entry, "path"), path, sizeof(path));
    if (path[0] != '\0' && path_pid(path) == pod->pause_pid && pod->pause_pid != 0) {
        if (!pause_namespace(pod, kind, path)) {
            return 0;
        }
        return entry_compose(out, comma, kind, path);
    }
    /* A debug container that targets a component: there is no process to join. */
    if (strcmp(kind, "pid") == 0 && path_pid(path) != 0 && access(path, F_OK) < 0) {
        return entry_compose(out, comma, kind, "");
    }
    return (size_t)snprintf(out, (size_t)(entry.end - entry.begin) + 2, "%s%.*s", comma,
                            (int)(entry.end - entry.begin), entry.begin);
}

static void config_write(const char *text, size_t length)
{
    struct stat about;

    if (stat("config.json", &about) < 0 ||
        file_write("config.json", text, length, about.st_mode & 0777) < 0 ||
        chown("config.json", about.st_uid, about.st_gid) < 0 ||
        chmod("config.json", about.st_mode & 0777) < 0) {
        die("write config.json: %s", strerror(errno));
    }
}

static void config_rewrite(struct span spec, const struct pod_view *pod)
{
    struct span list = span_member(span_member(spec, "linux"), "namespaces");
    struct span entry = {NULL, NULL};
    size_t count = 1;
    size_t length;
    char *out = NULL;

    for (entry = span_next(list, entry); entry.begin; entry = span_next(list, entry)) {
        count++;
    }
    out = (char *)malloc((size_t)(spec.end - spec.begin) + count * ENTRY_BYTES_MAX);
    if (!out) {
        die("out of memory");
    }
    length = (size_t)(list.begin - spec.begin) + 1;
    memcpy(out, spec.begin, length); /* the opening bracket included */
    count = length;
    for (entry = span_next(list, entry); entry.begin; entry = span_next(list, entry)) {
        length += entry_print(pod, entry, length == count, out + length);
    }
    out[length++] = ']';
    memcpy(out + length, list.end, (size_t)(spec.end - list.end));
    length += (size_t)(spec.end - list.end);
    config_write(out, length);
    free(out);
}

static bool is_safe_id(const char *id)
{
    return id[0] != '\0' && id[0] != '.' && strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz"
                                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-") == strlen(id);
}

static void pod_join(struct span spec, const struct options *options, struct pod_view *pod)
{
    char path[POD_PATH_MAX];
    bool share;

    (void)snprintf(path, sizeof(path), "../%s/config.json", pod->id);
    pod->pause = document(path, "the config.json of the pod's pause");
    namespace_path(spec, "network", path);
    pod->pause_pid = path_pid(path);
    if (namespace_find(spec, "user").begin) {
        die("container %s: a container without Wasm cannot be in a pod with user namespaces "
            "(hostUsers: false)", options->id);
    }
    namespace_path(spec, "pid", path);
    share = pod->pause_pid != 0 && path_pid(path) == pod->pause_pid;
    pod_namespaces_make(pod->id, pod->pause, share && namespace_find(pod->pause, "pid").begin);
    config_rewrite(spec, pod);
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
