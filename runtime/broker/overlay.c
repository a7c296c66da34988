/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each layer is cloned, mapped, and attached for a moment in a small file system of our own, which
 * is private, so that the rest of the node sees one mount come and go. The overlay keeps clones
 * of what it was given, so all of that can be detached again at once. Layers are named relative to
 * it, which also keeps long lists within the page of options that mount(2) takes.
 */
#include "runtime/broker/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/text.h"
#include "runtime/broker/mount.h"

enum { DATA_MAX = 4095 };

struct layers {
    const struct overlay_plan *plan;
    size_t lowers;
    struct text upper;
    struct text work;
    struct buf data; /* of the overlay that is mounted */
};

/* A clone of @path, mapped, at PLACE/@name. */
static int layer_attach(const struct overlay_plan *plan, struct text path, const char *name,
                        bool read_only)
{
    AUTO(memory_free) char *source = text_copy(path);
    AUTO(fd_close) int layer = mount_clone(source);
    char target[PATH_MAX];

    if (layer < 0) {
        return layer;
    }
    TRY(mount_restrict(layer, read_only, plan->owners));
    (void)snprintf(target, sizeof(target), "%s/%s", plan->place, name);
    if (mkdir(target, 0700) < 0 ||
        move_mount(layer, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0) {
        return -errno;
    }
    return 0;
}

static int lowers_attach(struct layers *layers, struct text list)
{
    const char *end = list.at + list.length;
    char name[16];

    buf_print(&layers->data, "%slowerdir=", layers->data.length > 0 ? "," : "");
    for (const char *at = list.at; at < end;) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        size_t length = (size_t)((colon ? colon : end) - at);

        if (layers->lowers == OVERLAY_LAYERS_MAX || at[0] != '/') {
            return -EINVAL;
        }
        (void)snprintf(name, sizeof(name), "%zu", layers->lowers);
        TRY(layer_attach(layers->plan, (struct text){at, length}, name, true));
        buf_print(&layers->data, "%s%s", layers->lowers > 0 ? ":" : "", name);
        layers->lowers++;
        at += length + 1;
    }
    return 0;
}

/* Length of the folder's path in front of the last name, its '/' included. */
static size_t folder_length(struct text path)
{
    const char *slash = path.length > 0 ? memrchr(path.at, '/', path.length) : NULL;

    return slash ? (size_t)(slash - path.at) + 1 : 0;
}

/* Upper and work folder must lie in one mount, so it is their common folder that is cloned. */
static int upper_attach(struct layers *layers)
{
    struct text upper = layers->upper;
    struct text work = layers->work;
    size_t folder = folder_length(upper);

    if (folder < 2 || folder != folder_length(work) || memcmp(upper.at, work.at, folder) != 0) {
        return -EINVAL;
    }
    TRY(layer_attach(layers->plan, (struct text){upper.at, folder - 1}, "u", false));
    buf_print(&layers->data, ",upperdir=u/%.*s,workdir=u/%.*s", (int)(upper.length - folder),
              upper.at + folder, (int)(work.length - folder), work.at + folder);
    return 0;
}

static bool value_of(struct text option, const char *key, struct text *ret)
{
    size_t length = strlen(key);

    if (!text_starts(option, key)) {
        return false;
    }
    *ret = (struct text){option.at + length, option.length - length};
    return true;
}

static int option_take(struct layers *layers, struct text option)
{
    struct text lower;

    if (value_of(option, "upperdir=", &layers->upper) ||
        value_of(option, "workdir=", &layers->work) || option.length == 0) {
        return 0;
    }
    if (value_of(option, "lowerdir=", &lower)) {
        return lowers_attach(layers, lower);
    }
    buf_print(&layers->data, "%s%.*s", layers->data.length > 0 ? "," : "", (int)option.length,
              option.at);
    return 0;
}

static int layers_attach(struct layers *layers)
{
    const char *at = layers->plan->data;

    if (strchr(at, '\\')) {
        return -EINVAL; /* escaped names */
    }
    while (*at != '\0') {
        size_t length = strcspn(at, ",");

        TRY(option_take(layers, (struct text){at, length}));
        at += length + (at[length] == ',' ? 1 : 0);
    }
    if (layers->lowers == 0) {
        return -EINVAL;
    }
    if (layers->upper.length > 0) {
        TRY(upper_attach(layers));
    }
    buf_put_u8(&layers->data, '\0');
    return layers->data.overflow ? -E2BIG : 0;
}

static int overlay_make(const struct layers *layers)
{
    const struct overlay_plan *plan = layers->plan;
    int done = 0;

    /* From here on this thread has a working directory of its own. */
    if (unshare(CLONE_FS) < 0 || chdir(plan->place) < 0) {
        return -errno;
    }
    if (mount("overlay", plan->target, "overlay", plan->flags, layers->data.data) < 0) {
        done = -errno;
    }
    return chdir("/") < 0 ? -errno : done;
}

int overlay_mount(const struct overlay_plan *plan)
{
    struct layers layers = {.plan = plan, .data = BUF(DATA_MAX)};
    int done;

    if (mount("skep", plan->place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "size=64k,nr_inodes=1024,mode=0700") < 0) {
        return -errno;
    }
    done = mount(NULL, plan->place, NULL, MS_PRIVATE, NULL) < 0 ? -errno : 0;
    if (done == 0) {
        done = layers_attach(&layers);
    }
    if (done == 0) {
        done = overlay_make(&layers);
    }
    buf_fini(&layers.data);
    (void)umount2(plan->place, MNT_DETACH);
    return done;
}
