/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json is edited by spans. P, in the paths /proc/P/ns/…, is the number that we reported for the
 * pause, which is nobody's pid.
 */
#include "shim/launcher/edit.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/launcher/file.h"
#include "shim/launcher/pod_namespaces.h"

enum { KIND_BYTES_MAX = 32, DESTINATION_BYTES_MAX = 64 };

/* Texts are appended; it ends the program rather than to grow beyond what config.json may have. */
struct draft {
    char *text;
    size_t length;
    size_t room;
};

static void put(struct draft *draft, const char *text, size_t length)
{
    if (draft->length + length > draft->room) {
        draft->room = 2 * (draft->length + length);
        draft->text = (char *)realloc(draft->text, draft->room);
        if (!draft->text) {
            die("out of memory");
        }
    }
    memcpy(draft->text + draft->length, text, length);
    draft->length += length;
}

static void put_span(struct draft *draft, struct span span)
{
    put(draft, span.begin, (size_t)(span.end - span.begin));
}

/* ---- namespaces ---- */

struct span edit_namespace(struct span spec, const char *kind)
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

long edit_namespace_pid(struct span spec, const char *kind)
{
    char path[POD_PATH_MAX];

    (void)span_text(span_member(edit_namespace(spec, kind), "path"), path, sizeof(path));
    return path_pid(path);
}

/* Where the entry that names the pause shall lead to; false: it is dropped. */
static bool pause_namespace(const struct pod_view *pod, const char *kind, char path[POD_PATH_MAX])
{
    struct span entry = edit_namespace(pod->pause, kind);

    if (!entry.begin) {
        return false; /* hostNetwork, hostIPC, hostPID */
    }
    if (strcmp(kind, "network") == 0) {
        (void)span_text(span_member(entry, "path"), path, POD_PATH_MAX);
    } else if (strcmp(kind, "pid") == 0) {
        (void)snprintf(path, POD_PATH_MAX, "/proc/%d/ns/pid", pod_anchor(pod->id));
    } else {
        pod_file(pod->id, kind, path);
    }
    return true;
}

static void put_namespace(struct draft *draft, const char *kind, const char *path)
{
    char entry[POD_PATH_MAX + KIND_BYTES_MAX + 32];
    int length = path[0] == '\0'
                     ? snprintf(entry, sizeof(entry), "{\"type\":\"%s\"}", kind)
                     : snprintf(entry, sizeof(entry), "{\"type\":\"%s\",\"path\":\"%s\"}", kind,
                                path);

    put(draft, entry, (size_t)length);
}

/* Return: whether anything was put. */
static bool put_entry(struct draft *draft, const struct pod_view *pod, struct span entry)
{
    char kind[KIND_BYTES_MAX];
    char path[POD_PATH_MAX];

    (void)span_text(span_member(entry, "type"), kind, sizeof(kind));
    (void)span_text(span_member(entry, "path"), path, sizeof(path));
    if (path[0] != '\0' && path_pid(path) == pod->pause_pid && pod->pause_pid != 0) {
        if (!pause_namespace(pod, kind, path)) {
            return false;
        }
        put_namespace(draft, kind, path);
    } else if (strcmp(kind, "pid") == 0 && path_pid(path) != 0 && access(path, F_OK) < 0) {
        /* A debug container that targets a component: there is no process to join. */
        put_namespace(draft, kind, "");
    } else {
        put_span(draft, entry);
    }
    return true;
}

static void put_namespaces(struct draft *draft, const struct pod_view *pod, struct span list)
{
    struct span entry = {NULL, NULL};
    bool any = false;

    put(draft, "[", 1);
    for (entry = span_next(list, entry); entry.begin; entry = span_next(list, entry)) {
        size_t before = draft->length;

        put(draft, ",", any ? 1 : 0);
        if (put_entry(draft, pod, entry)) {
            any = true;
        } else {
            draft->length = before;
        }
    }
    put(draft, "]", 1);
}

/* ---- mounts ---- */

/* What containerd mounts into a container when its own sandbox has it. */
static const struct pod_mount {
    const char *destination;
    const char *name; /* in the sandbox's bundle; NULL: the pod's shared memory */
} pod_mounts[] = {
    {"/etc/resolv.conf", "resolv.conf"},
    {"/etc/hosts", "hosts"},
    {"/etc/hostname", "hostname"},
    {"/dev/shm", NULL},
};

enum { POD_MOUNTS = sizeof(pod_mounts) / sizeof(pod_mounts[0]) };

static void put_mount(struct draft *draft, const struct pod_view *pod,
                      const struct pod_mount *mount, bool read_only)
{
    char source[PATH_MAX + 32] = "/dev/shm";
    char entry[PATH_MAX + 256];
    bool writes = !mount->name || !read_only;

    if (mount->name) {
        (void)snprintf(source, sizeof(source), "%s/%s", pod->bundle, mount->name);
    } else if (edit_namespace(pod->pause, "ipc").begin) {
        pod_file(pod->id, POD_SHM, source);
    }
    if (strpbrk(source, "\"\\")) {
        die("the path %s cannot be written into config.json", source);
    }
    put(draft, entry,
        (size_t)snprintf(entry, sizeof(entry),
                         "{\"destination\":\"%s\",\"type\":\"bind\",\"source\":\"%s\","
                         "\"options\":[\"rbind\",\"rprivate\",\"%s\"]}",
                         mount->destination, source, writes ? "rw" : "ro"));
}

/* Which of the pod's mounts is at that place? POD_MOUNTS for none. */
static size_t mount_index(struct span entry)
{
    char place[DESTINATION_BYTES_MAX];
    size_t index = POD_MOUNTS;

    (void)span_text(span_member(entry, "destination"), place, sizeof(place));
    for (size_t i = 0; i < POD_MOUNTS; i++) {
        index = strcmp(place, pod_mounts[i].destination) == 0 ? i : index;
    }
    return index;
}

/* A tmpfs of the container's own at /dev/shm gives way to the pod's: it is only there because
 * containerd found nothing better. */
static bool gives_way(struct span entry, size_t index)
{
    char type[KIND_BYTES_MAX];

    return index < POD_MOUNTS && !pod_mounts[index].name &&
           span_text(span_member(entry, "type"), type, sizeof(type)) && strcmp(type, "tmpfs") == 0;
}

static void put_mounts(struct draft *draft, const struct pod_view *pod, struct span spec,
                       struct span list)
{
    struct span root_flag = span_member(span_member(spec, "root"), "readonly");
    bool read_only = root_flag.begin && *root_flag.begin == 't';
    bool has[POD_MOUNTS + 1] = {false};
    struct span entry = {NULL, NULL};
    bool any = false;

    put(draft, "[", 1);
    for (entry = span_next(list, entry); entry.begin; entry = span_next(list, entry)) {
        size_t index = mount_index(entry);

        if (!gives_way(entry, index)) {
            put(draft, ",", any ? 1 : 0);
            put_span(draft, entry);
            has[index] = true;
            any = true;
        }
    }
    for (size_t i = 0; i < POD_MOUNTS; i++) {
        if (!has[i]) {
            put(draft, ",", any ? 1 : 0);
            put_mount(draft, pod, &pod_mounts[i], read_only);
            any = true;
        }
    }
    put(draft, "]", 1);
}

/* ---- all ---- */

static void config_write(const struct draft *draft)
{
    struct stat about;

    if (stat("config.json", &about) < 0 ||
        file_write("config.json", draft->text, draft->length, about.st_mode & 0777) < 0 ||
        chown("config.json", about.st_uid, about.st_gid) < 0 ||
        chmod("config.json", about.st_mode & 0777) < 0) {
        die("write config.json: %s", strerror(errno));
    }
}

void edit_config(struct span spec, const struct pod_view *pod)
{
    struct span namespaces = span_member(span_member(spec, "linux"), "namespaces");
    struct span mounts = span_member(spec, "mounts");
    struct span rest = spec;
    struct draft draft = {NULL, 0, 0};

    /* Both lists are always there; which comes first is up to containerd. */
    if (!namespaces.begin || !mounts.begin) {
        die("config.json has no list of %s", namespaces.begin ? "mounts" : "linux.namespaces");
    }
    for (int turn = 0; turn < 2; turn++) {
        bool is_mounts = (turn == 0) == (mounts.begin < namespaces.begin);
        struct span list = is_mounts ? mounts : namespaces;

        put(&draft, rest.begin, (size_t)(list.begin - rest.begin));
        rest.begin = list.end;
        if (!is_mounts) {
            put_namespaces(&draft, pod, list);
        } else if (pod->is_api_sandbox) {
            put_mounts(&draft, pod, spec, list);
        } else {
            put_span(&draft, list);
        }
    }
    put_span(&draft, rest);
    config_write(&draft);
    free(draft.text);
}
