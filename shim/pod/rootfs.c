/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount(2) takes at most a page of options. The lower folders of an overlay share a long prefix, so
 * a thread with a working directory of its own goes there and names them relatively, which is
 * also what containerd's own mount helper does.
 */
#include "shim/pod/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/text.h"
#include "runtime/broker/idmap.h"
#include "runtime/broker/overlay.h"

enum {
    DATA_MAX = 4095,
    LONG_DATA_MAX = 256 * 1024,
    UNMOUNTS_MAX = 2 * ROOTFS_MOUNTS_MAX,
    TARGET_NAME_MAX = sizeof("/proc/self/fd/2147483647"),
};

/* Where one of the mounts goes. */
struct target {
    const char *bundle;
    const struct rootfs_mount *row;
};

static const struct flag {
    const char *name;
    bool clear;
    unsigned long set;
} flags[] = {
    {"async", true, MS_SYNCHRONOUS},   {"atime", true, MS_NOATIME},
    {"bind", false, MS_BIND},          {"defaults", false, 0},
    {"dev", true, MS_NODEV},           {"diratime", true, MS_NODIRATIME},
    {"dirsync", false, MS_DIRSYNC},    {"exec", true, MS_NOEXEC},
    {"mand", false, MS_MANDLOCK},      {"noatime", false, MS_NOATIME},
    {"nodev", false, MS_NODEV},        {"nodiratime", false, MS_NODIRATIME},
    {"noexec", false, MS_NOEXEC},      {"nomand", true, MS_MANDLOCK},
    {"norelatime", true, MS_RELATIME}, {"nostrictatime", true, MS_STRICTATIME},
    {"nosuid", false, MS_NOSUID},      {"rbind", false, MS_BIND | MS_REC},
    {"relatime", false, MS_RELATIME},  {"remount", false, MS_REMOUNT},
    {"ro", false, MS_RDONLY},          {"rw", true, MS_RDONLY},
    {"strictatime", false, MS_STRICTATIME}, {"suid", true, MS_NOSUID},
    {"sync", false, MS_SYNCHRONOUS},
};

static const struct flag propagations[] = {
    {"private", false, MS_PRIVATE},       {"rprivate", false, MS_PRIVATE | MS_REC},
    {"shared", false, MS_SHARED},         {"rshared", false, MS_SHARED | MS_REC},
    {"slave", false, MS_SLAVE},           {"rslave", false, MS_SLAVE | MS_REC},
    {"unbindable", false, MS_UNBINDABLE}, {"runbindable", false, MS_UNBINDABLE | MS_REC},
};

void rootfs_mounts_fini(struct rootfs_mounts *mounts)
{
    for (size_t i = 0; i < mounts->count; i++) {
        struct rootfs_mount *mount_row = &mounts->at[i];

        for (size_t j = 0; j < mount_row->options_count; j++) {
            free(mount_row->options[j]);
        }
        free(mount_row->options);
        free(mount_row->type);
        free(mount_row->source);
        free(mount_row->target);
    }
    free(mounts->at);
    *mounts = (struct rootfs_mounts){0};
}

static const struct flag *flag_find(const struct flag *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

int rootfs_read_options(char *const *options, size_t count, struct rootfs_flags *ret,
                        struct fault *why)
{
    int done;

    struct buf data = BUF(LONG_DATA_MAX);

    *ret = (struct rootfs_flags){0};
    for (size_t i = 0; i < count; i++) {
        const struct flag *flag = flag_find(flags, ARRAY_SIZE(flags), options[i]);
        const struct flag *spread =
            flag_find(propagations, ARRAY_SIZE(propagations), options[i]);

        if (flag && flag->clear) {
            ret->set &= ~flag->set;
        } else if (flag) {
            ret->set |= flag->set;
        } else if (spread) {
            ret->propagation = spread->set;
        } else if (strncmp(options[i], "X-containerd.", 13) != 0) {
            buf_print(&data, "%s%s", data.length > 0 ? "," : "", options[i]);
        }
    }
    done = buf_check(&data, "the options of a mount", why);
    if (done == 0) {
        ret->data = memory_text((const char *)data.data, data.length);
    }
    buf_fini(&data);
    return done;
}

/* The value of lowerdir= inside the options, or a text without bytes. */
static struct text lower_of(const char *data)
{
    static const char key[] = "lowerdir=";

    for (const char *at = data; *at != '\0';) {
        size_t length = strcspn(at, ",");

        if (length >= sizeof(key) - 1 && strncmp(at, key, sizeof(key) - 1) == 0) {
            return (struct text){at + sizeof(key) - 1, length - (sizeof(key) - 1)};
        }
        at += length + (at[length] == ',' ? 1 : 0);
    }
    return (struct text){data, 0};
}

/* Bytes of the folder that two lists of paths have in common, its last '/' included. */
static size_t common_folder(struct text lower)
{
    size_t common = SIZE_MAX;
    const char *end = lower.at + lower.length;

    for (const char *at = lower.at; at < end;) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        size_t length = (size_t)((colon ? colon : end) - at);
        size_t same = 0;

        while (same < length && same < common && at[same] == lower.at[same]) {
            same++;
        }
        common = same;
        at += length + 1;
    }
    while (common > 0 && common != SIZE_MAX && lower.at[common - 1] != '/') {
        common--;
    }
    return common == SIZE_MAX ? 0 : common;
}

void rootfs_shorten(const char *data, own char **ret_dir, own char **ret_data)
{
    struct text lower = lower_of(data);
    size_t common = lower.length > 0 && lower.at[0] == '/' ? common_folder(lower) : 0;
    struct buf out = BUF(LONG_DATA_MAX);
    const char *end = lower.at + lower.length;

    if (common <= 1) {
        *ret_dir = COPY_TEXT("/");
        *ret_data = COPY_TEXT(data);
        return;
    }
    buf_put(&out, data, (size_t)(lower.at - data));
    for (const char *at = lower.at; at < end;) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        size_t length = (size_t)((colon ? colon : end) - at);

        buf_print(&out, "%s%.*s", at == lower.at ? "" : ":", (int)(length - common), at + common);
        at += length + 1;
    }
    buf_put(&out, end, strlen(end));
    *ret_dir = memory_text(lower.at, common);
    *ret_data = memory_text((const char *)out.data, out.length);
    buf_fini(&out);
}

/* Return: 0 or negative errno. */
static int mount_shortened(const struct rootfs_mount *row, const char *target,
                           const struct rootfs_flags *how)
{
    AUTO(memory_free) char *dir = NULL;
    AUTO(memory_free) char *data = NULL;
    int done;

    rootfs_shorten(how->data, &dir, &data);
    if (strlen(data) > DATA_MAX) {
        return -E2BIG;
    }
    /* From here on this thread of the pool has a working directory of its own, "/" as before. */
    if (unshare(CLONE_FS) < 0 || chdir(dir) < 0) {
        return -errno;
    }
    done = mount(row->source, target, row->type, how->set, data) < 0 ? -errno : 0;
    return chdir("/") < 0 ? -errno : done;
}

/* Return: 0 or negative errno: it is to be mounted as it is. */
static int mount_mapped(const char *bundle, const char *target, const struct rootfs_owner *owner,
                        const struct rootfs_flags *how)
{
    AUTO(fd_close) int owners = -1;
    char place[PATH_MAX];
    uint32_t user = owner->user > 0 && owner->user < UINT32_MAX ? (uint32_t)owner->user : 0;
    struct overlay_plan plan = {
        .target = target, .data = how->data, .flags = how->set, .place = place};
    struct fault why = {0};
    int done;

    (void)snprintf(place, sizeof(place), "%s/layers", bundle);
    if (!owner->maps || idmaps_open(owner->maps, user, user, &owners, &why) < 0) {
        return -EINVAL;
    }
    if (mkdir(place, 0700) < 0) {
        return -errno;
    }
    plan.owners = owners;
    done = overlay_mount(&plan);
    (void)rmdir(place);
    return done;
}

/* Whether the path has a folder ".." anywhere, at its end too. */
static bool climbs(const char *path)
{
    size_t length = strlen(path);

    return strcmp(path, "..") == 0 || strncmp(path, "../", 3) == 0 || strstr(path, "/../") ||
           (length >= 3 && strcmp(path + length - 3, "/..") == 0);
}

/*
 * Opens what lies at the target now, and says the name of the descriptor. A link that an image
 * brought leads to a place inside of its root, never to one of the node.
 * Return: descriptor or negative errno.
 */
static int target_open(const struct target *at, char ret[TARGET_NAME_MAX])
{
    char path[PATH_MAX];
    AUTO(fd_close) int root = -1;
    int target;

    if (snprintf(path, sizeof(path), "%s/rootfs", at->bundle) >= (int)sizeof(path)) {
        return -ENAMETOOLONG;
    }
    root = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0) {
        return -errno;
    }
    target = fs_open_in_root(root, at->row->target[0] != '\0' ? at->row->target : ".", O_PATH);
    (void)snprintf(ret, TARGET_NAME_MAX, "/proc/self/fd/%d", target);
    return target;
}

/* What lies there now is another mount than before. Return: 0 or negative errno. */
static int mount_change(const struct target *at, unsigned long how)
{
    char name[TARGET_NAME_MAX];
    AUTO(fd_close) int target = target_open(at, name);

    if (target < 0) {
        return target;
    }
    return mount(NULL, name, NULL, how, NULL) < 0 ? -errno : 0;
}

/* Return: 0 or negative errno. */
static int mount_plain(const struct rootfs_mount *row, const char *name,
                       const struct rootfs_flags *how)
{
    /* A bind takes no other flag at once (mount(2)): restrictions need a second call. */
    bool bind = (how->set & MS_BIND) != 0;
    unsigned long first = bind ? how->set & (unsigned long)(MS_BIND | MS_REC) : how->set;

    if (!bind && strlen(how->data) > DATA_MAX) {
        return mount_shortened(row, name, how);
    }
    return mount(row->source, name, bind ? NULL : row->type, first, how->data) < 0 ? -errno : 0;
}

/* Return: 0 or negative errno. */
static int mount_one(const struct target *at, const struct rootfs_owner *owner,
                     const struct rootfs_flags *how)
{
    unsigned long restrictions = how->set & ~(unsigned long)(MS_BIND | MS_REC);
    char name[TARGET_NAME_MAX];
    AUTO(fd_close) int target = target_open(at, name);

    if (target < 0) {
        return target;
    }
    if (strcmp(at->row->type, "overlay") == 0 &&
        mount_mapped(at->bundle, name, owner, how) == 0) {
        return 0;
    }
    TRY(mount_plain(at->row, name, how));
    if ((how->set & MS_BIND) != 0 && restrictions != 0) {
        TRY(mount_change(at, MS_BIND | MS_REMOUNT | restrictions));
    }
    return how->propagation != 0 ? mount_change(at, how->propagation) : 0;
}

int rootfs_mount_all(const char *bundle, const struct rootfs_mounts *mounts,
                     const struct rootfs_owner *owner, struct fault *why)
{
    for (size_t i = 0; i < mounts->count; i++) {
        const struct rootfs_mount *row = &mounts->at[i];
        const struct target at = {.bundle = bundle, .row = row};
        struct rootfs_flags how;
        int done;

        if (climbs(row->target)) {
            rootfs_unmount(bundle);
            return fault(why, FAULT_INVALID, "rootfs mount %zu has no usable target", i);
        }
        if (rootfs_read_options(row->options, row->options_count, &how, why) < 0) {
            rootfs_unmount(bundle);
            return fault_while(why, "read rootfs mount %zu", i);
        }
        done = mount_one(&at, owner, &how);
        free(how.data);
        if (done < 0) {
            rootfs_unmount(bundle);
            return fault_sys(why, done, "mount %s %s at the rootfs", row->type, row->source);
        }
    }
    return 0;
}

void rootfs_unmount(const char *bundle)
{
    char target[PATH_MAX];

    (void)snprintf(target, sizeof(target), "%s/rootfs", bundle);
    for (int i = 0; i < UNMOUNTS_MAX; i++) {
        if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
            return;
        }
    }
}
