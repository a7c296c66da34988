/* SPDX-License-Identifier: Apache-2.0 */
/* Against folders that a pod was given, and the node's own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/privileged/attacks/captured/captured.h"

static int answer(long result)
{
    return result < 0 ? errno : WORKED;
}

#define TRY_FILE(name, call)                                                                       \
    static int name(const struct victims *victims)                                                 \
    {                                                                                              \
        (void)victims;                                                                             \
        return answer(call);                                                                       \
    }

TRY_FILE(open_passwd, open("/etc/passwd", O_RDONLY))
TRY_FILE(open_own_memory, open("/proc/self/mem", O_RDWR))
TRY_FILE(open_device, open("/dev/kmsg", O_RDONLY))
TRY_FILE(open_parent, open("../../../etc/passwd", O_RDONLY))
TRY_FILE(make_in_root, open("/new", O_CREAT | O_WRONLY, 0600))
TRY_FILE(climb, openat(FAR_FOLDER, "../../../../etc/passwd", O_RDONLY))
TRY_FILE(climb_own, openat(OWN_FOLDER, "../../../../etc/passwd", O_RDONLY))
TRY_FILE(absolute_below, openat(FAR_FOLDER, "/etc/passwd", O_RDONLY))
TRY_FILE(link_absolute, openat(FAR_FOLDER, "to-passwd", O_RDONLY))
TRY_FILE(link_upwards, openat(FAR_FOLDER, "to-above", O_RDONLY))
TRY_FILE(write_file, openat(FAR_FOLDER, "file", O_WRONLY))
TRY_FILE(truncate_file, openat(FAR_FOLDER, "file", O_WRONLY | O_TRUNC))
TRY_FILE(create_file, openat(FAR_FOLDER, "new", O_CREAT | O_WRONLY, 0600))
TRY_FILE(create_unnamed, openat(FAR_FOLDER, ".", O_TMPFILE | O_WRONLY, 0600))
TRY_FILE(remove_file, unlinkat(FAR_FOLDER, "file", 0))
TRY_FILE(rename_file, renameat(FAR_FOLDER, "file", FAR_FOLDER, "moved"))
TRY_FILE(link_file, linkat(FAR_FOLDER, "file", FAR_FOLDER, "second", 0))
TRY_FILE(link_out, linkat(FAR_FOLDER, "file", OWN_FOLDER, "second", 0))
TRY_FILE(make_folder, mkdirat(FAR_FOLDER, "folder", 0700))
TRY_FILE(make_link, symlinkat("/etc", FAR_FOLDER, "link"))
TRY_FILE(set_times, utimensat(FAR_FOLDER, "file", NULL, 0))
/* To whom it belongs already: the kernel alone would have nothing against it. */
TRY_FILE(own_file, fchownat(OWN_FOLDER, "file", (uid_t)-1, (gid_t)-1, 0))
TRY_FILE(write_sealed, pwrite(SEALED, "x", 1, 0))
TRY_FILE(grow_sealed, ftruncate(SEALED, 1 << 20))

static int write_by_mapping(const struct victims *victims)
{
    int file = openat(FAR_FOLDER, "file", O_RDONLY);
    void *at = file < 0 ? MAP_FAILED
                        : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    (void)victims;
    return at == MAP_FAILED ? errno : WORKED;
}

static int change_mode(const struct victims *victims)
{
    int file = openat(FAR_FOLDER, "file", O_RDONLY);

    (void)victims;
    return file < 0 ? errno : answer(fchmod(file, 0777));
}

/* Whose file it is on disk cannot be seen through the mount: root's, where the volume is. */
static int make_set_uid(const struct victims *victims)
{
    int file = openat(OWN_FOLDER, "suid", O_CREAT | O_WRONLY, 0600);

    (void)victims;
    return file < 0 ? WORKED : answer(fchmod(file, 04755));
}

static int make_born_set_uid(const struct victims *victims)
{
    (void)victims;
    return answer(openat(OWN_FOLDER, "born-suid", O_CREAT | O_WRONLY, 04755));
}

static int make_unnamed_set_gid(const struct victims *victims)
{
    (void)victims;
    return answer(openat(OWN_FOLDER, ".", O_TMPFILE | O_WRONLY, 02755));
}

/* Its mode is in memory, where no filter looks. */
static int make_set_uid_openat2(const struct victims *victims)
{
    struct open_how how = {.flags = O_CREAT | O_WRONLY, .mode = 04755};

    (void)victims;
    return answer(syscall(SYS_openat2, OWN_FOLDER, "suid2", &how, sizeof(how)));
}

static int clear_read_only(const struct victims *victims)
{
    uint64_t attributes[4] = {0, 1, 0, 0}; /* clear MOUNT_ATTR_RDONLY */

    (void)victims;
    return answer(syscall(SYS_mount_setattr, FAR_FOLDER, "", 0x1000, attributes,
                          sizeof(attributes)));
}

static int map_sealed(const struct victims *victims)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, SEALED, 0);

    (void)victims;
    return at == MAP_FAILED ? errno : WORKED;
}

/* By the descriptor's own name: there is no /proc to find it in. */
static int reopen_writable(const struct victims *victims)
{
    char path[32];

    (void)victims;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", SEALED);
    return answer(open(path, O_RDWR));
}

static int cross_mounts(const struct victims *victims)
{
    struct open_how how = {.flags = O_RDONLY};

    (void)victims;
    return answer(syscall(SYS_openat2, FAR_FOLDER, "../../../../etc/passwd", &how, sizeof(how)));
}

static const struct attack rows[] = {
    {"file-passwd", "open a file of the node", WALL_3, open_passwd, ENOENT},
    {"file-own-memory", "open its own memory by /proc", WALL_3, open_own_memory, ENOENT},
    {"file-device", "open a device", WALL_3, open_device, ENOENT},
    {"file-parent", "leave the working folder upwards", WALL_3, open_parent, ENOENT},
    {"file-root", "make a file in its root", WALL_3, make_in_root, EROFS},
    {"file-climb", "leave a read-only folder upwards", WALL_5, climb, ENOENT},
    {"file-climb-own", "leave a writable folder upwards", WALL_5, climb_own, ENOENT},
    {"file-climb-openat2", "the same by openat2 without asking for care", WALL_3, cross_mounts,
     ENOSYS},
    {"file-absolute", "an absolute path below a folder", WALL_3, absolute_below, ENOENT},
    {"file-link-absolute", "a link in the volume to a file of the node", WALL_3, link_absolute, ENOENT},
    {"file-link-upwards", "a link in the volume to beside it", WALL_5, link_upwards, ENOENT},
    {"file-write", "write a file of a read-only mount", WALL_5, write_file, EROFS},
    {"file-truncate", "empty a file of a read-only mount", WALL_5, truncate_file, EROFS},
    {"file-create", "make a file there", WALL_5, create_file, EROFS},
    {"file-unnamed", "make a file without a name there", WALL_5, create_unnamed, EROFS},
    {"file-remove", "remove a file there", WALL_5, remove_file, EROFS},
    {"file-rename", "rename a file there", WALL_5, rename_file, EROFS},
    {"file-link", "a second name there", WALL_5, link_file, EROFS},
    {"file-link-out", "a second name in a writable mount", WALL_5, link_out, EXDEV},
    {"file-folder", "make a folder there", WALL_5, make_folder, EROFS},
    {"file-symlink", "make a link there", WALL_5, make_link, EROFS},
    {"file-times", "change times there", WALL_5, set_times, EROFS},
    {"file-mode", "change a mode there", WALL_3, change_mode, EPERM},
    {"file-mapping", "write a file there through memory", WALL_5, write_by_mapping, EACCES},
    {"file-read-only", "make the mount writable", WALL_5, clear_read_only, KILLED},
    {"file-owner", "give a file to root", WALL_3, own_file, EPERM},
    {"file-set-uid", "make a file of its own set-uid", WALL_3, make_set_uid, EPERM},
    {"file-set-uid-born", "make a file that is set-uid at once", WALL_3, make_born_set_uid, EPERM},
    {"file-set-gid-unnamed", "make a file without a name, set-gid", WALL_3, make_unnamed_set_gid,
     EPERM},
    {"file-set-uid-openat2", "the same where no filter sees the mode", WALL_3,
     make_set_uid_openat2, ENOSYS},
    {"file-sealed-write", "change a component's bytes", WALL_3, write_sealed, EPERM},
    {"file-sealed-grow", "make them longer", WALL_3, grow_sealed, EPERM},
    {"file-sealed-map", "change them through memory", WALL_3, map_sealed, EPERM},
    {"file-sealed-reopen", "open them anew", WALL_3, reopen_writable, ENOENT},
};

const struct attacks attacks_on_files = {rows, ARRAY_SIZE(rows)};
