/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tar is one of ours (GNU, as Python writes it): folders, files and links with names of at most 99
 * bytes. All else is refused, and so is a name that leads out of the folder.
 */
#include "k8s/onefile/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "k8s/installer/tree.h"

enum { TRAILER_BYTES = 256, BLOCK = 512, NAME_ROOM = 100 };

static const char magic[8] = {'S', 'K', 'E', 'P', 'T', 'A', 'R', '1'};

static bool is_folder(const char *path)
{
    return path[0] == '/' && strrchr(path, '/') != path && path[strlen(path) - 1] != '/' &&
           !strstr(path, "/..");
}

int payload_find(int fd, struct payload *ret, struct fault *why)
{
    uint8_t bytes[TRAILER_BYTES] = {0};
    struct cursor in = cursor_over(bytes, sizeof(bytes));
    const uint8_t *mark = NULL;
    const uint8_t *folder = NULL;
    off_t size = lseek(fd, 0, SEEK_END);
    uint64_t before = (uint64_t)size - TRAILER_BYTES;

    if (size < TRAILER_BYTES ||
        pread(fd, bytes, sizeof(bytes), size - TRAILER_BYTES) != (ssize_t)sizeof(bytes) ||
        !cursor_bytes(&in, sizeof(magic), &mark) || memcmp(mark, magic, sizeof(magic)) != 0) {
        return fault(why, FAULT_INVALID, "this program carries no installation");
    }
    if (!cursor_le64(&in, &ret->offset) || !cursor_le64(&in, &ret->length) ||
        !cursor_bytes(&in, PAYLOAD_FOLDER_ROOM, &folder) ||
        folder[PAYLOAD_FOLDER_ROOM - 1] != '\0' || ret->length > before ||
        ret->offset != before - ret->length) {
        return fault(why, FAULT_INVALID, "the installation in this program is not whole");
    }
    memcpy(ret->folder, folder, PAYLOAD_FOLDER_ROOM);
    return is_folder(ret->folder) ? 0
                                  : fault(why, FAULT_INVALID,
                                          "the folder of the installation in "
                                          "this program is none: %.100s",
                                          ret->folder);
}

/* One member of the tar. */
struct member {
    char name[NAME_ROOM];
    char link[NAME_ROOM];
    mode_t mode;
    uint64_t size;
    char type; /* '0' file, '5' folder, '2' link */
};

static bool read_octal(const uint8_t *digits, size_t length, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < length && digits[i] != '\0' && digits[i] != ' '; i++) {
        if (digits[i] < '0' || digits[i] > '7') {
            return false;
        }
        *ret = *ret * 8 + (uint64_t)(digits[i] - '0');
    }
    return true;
}

static bool stays_inside(const char *name)
{
    return name[0] != '/' && name[0] != '\0' && strcmp(name, "..") != 0 &&
           strncmp(name, "../", 3) != 0 && !strstr(name, "/../");
}

/* Return: 1 with a member, 0 at the end, or negative. */
static int read_member(int fd, uint64_t at, struct member *ret, struct fault *why)
{
    uint8_t block[BLOCK];
    uint64_t mode = 0;

    if (pread(fd, block, sizeof(block), (off_t)at) != (ssize_t)sizeof(block)) {
        return fault(why, FAULT_INVALID, "the installation in this program ends too early");
    }
    if (block[0] == '\0') {
        return 0;
    }
    memcpy(ret->name, block, NAME_ROOM);
    memcpy(ret->link, block + 157, NAME_ROOM);
    ret->type = (char)block[156];
    if (!memchr(ret->name, '\0', NAME_ROOM) || !memchr(ret->link, '\0', NAME_ROOM) ||
        !stays_inside(ret->name) || !read_octal(block + 100, 8, &mode) ||
        !read_octal(block + 124, 12, &ret->size) || ret->size > PAYLOAD_FILE_MAX ||
        !strchr("025", ret->type)) {
        return fault(why, FAULT_INVALID,
                     "a member of the installation in this program is not "
                     "understood: %.99s",
                     ret->name);
    }
    ret->mode = (mode_t)(mode & 0777);
    return 1;
}

static int write_file(int fd, uint64_t at, const struct member *member, int to)
{
    uint64_t left = member->size;
    char bytes[32768];

    while (left > 0) {
        size_t wanted = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);
        ssize_t got = pread(fd, bytes, wanted, (off_t)at);
        int done;

        if (got <= 0) {
            return got < 0 ? -errno : -EIO;
        }
        done = fs_write_all(to, bytes, (size_t)got);
        if (done < 0) {
            return done;
        }
        at += (uint64_t)got;
        left -= (uint64_t)got;
    }
    return fchmod(to, member->mode) < 0 || fsync(to) < 0 ? -errno : 0;
}

static int make_member(int fd, uint64_t at, const struct member *member, int dir)
{
    AUTO(fd_close) int to = -1;

    if (member->type == '5') {
        return mkdirat(dir, member->name, 0755) < 0 && errno != EEXIST ? -errno : 0;
    }
    if (member->type == '2') {
        return symlinkat(member->link, dir, member->name) < 0 ? -errno : 0;
    }
    to = fs_open_beneath(dir, member->name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    return to < 0 ? to : write_file(fd, at, member, to);
}

static int unpack_all(int fd, const struct payload *payload, int dir, struct fault *why)
{
    uint64_t at = payload->offset;
    uint64_t end = payload->offset + payload->length;
    int files = 0;

    while (at < end) {
        struct member member;
        int more = read_member(fd, at, &member, why);
        int done;

        TRY(more);
        if (more == 0) {
            return 0;
        }
        at += BLOCK;
        if (files++ == PAYLOAD_FILES_MAX || member.size > end - at) {
            return fault(why, FAULT_LIMIT, "the installation in this program is too large");
        }
        done = make_member(fd, at, &member, dir);
        if (done < 0) {
            return fault_sys(why, done, "unpack %s", member.name);
        }
        at += (member.size + BLOCK - 1) / BLOCK * BLOCK;
    }
    return 0;
}

static int unpack_beside(int fd, const struct payload *payload, int above, struct fault *why)
{
    const char *name = strrchr(payload->folder, '/') + 1;
    AUTO(fd_close) int dir = -1;
    char temporary[PAYLOAD_FOLDER_ROOM + 8];

    if (faccessat(above, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return 0; /* another was faster */
    }
    (void)snprintf(temporary, sizeof(temporary), ".%s.new", name);
    TRY(tree_remove(above, temporary, why));
    if (mkdirat(above, temporary, 0755) < 0) {
        return fault_sys(why, -errno, "make a folder beside %s", payload->folder);
    }
    dir = openat(above, temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0) {
        return fault_sys(why, -errno, "open a folder beside %s", payload->folder);
    }
    TRY(unpack_all(fd, payload, dir, why));
    if (renameat(above, temporary, above, name) < 0 || fsync(above) < 0) {
        return fault_sys(why, -errno, "make %s", payload->folder);
    }
    return 0;
}

int payload_unpack(int fd, const struct payload *payload, struct fault *why)
{
    AUTO(fd_close) int above = -1;
    char folder[PAYLOAD_FOLDER_ROOM];
    int done;

    (void)snprintf(folder, sizeof(folder), "%.*s",
                   (int)(strrchr(payload->folder, '/') - payload->folder), payload->folder);
    done = fs_make_folders(folder, 0755);
    if (done < 0) {
        return fault_sys(why, done, "make the folder %s", folder);
    }
    above = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above < 0 || flock(above, LOCK_EX) < 0) {
        return fault_sys(why, -errno, "lock %s", folder);
    }
    return unpack_beside(fd, payload, above, why);
}
