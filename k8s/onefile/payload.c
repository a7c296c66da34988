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
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "k8s/installer/tree.h"
#include "oci/unpack.h"

enum { TRAILER_BYTES = 256, NAME_ROOM = 100 };

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

static bool stays_inside(const char *name)
{
    return name[0] != '/' && name[0] != '\0' && strcmp(name, "..") != 0 &&
           strncmp(name, "../", 3) != 0 && !strstr(name, "/../");
}

/* A field of a header as a string; false when it fills its field, and so may be cut. */
static bool to_string(struct text field, char ret[NAME_ROOM])
{
    if (field.length >= NAME_ROOM) {
        return false;
    }
    memcpy(ret, field.at, field.length);
    ret[field.length] = '\0';
    return true;
}

static int make_file(int dir, const char *name, const struct unpack_member *member)
{
    AUTO(fd_close) int to = fs_open_beneath(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    int done = to < 0 ? to : fs_write_all(to, member->bytes.at, member->bytes.length);

    if (done == 0 && (fchmod(to, (mode_t)(member->mode & 0777)) < 0 || fsync(to) < 0)) {
        done = -errno;
    }
    return done;
}

/* Of its header; its name and link are looked at apart. */
static bool is_ours(const struct unpack_member *member)
{
    return member->prefix.length == 0 && member->mode != UINT64_MAX &&
           member->bytes.length <= PAYLOAD_FILE_MAX &&
           (member->type == '0' || member->type == '2' || member->type == '5');
}

static int make_member(int dir, const struct unpack_member *member, struct fault *why)
{
    char name[NAME_ROOM] = "";
    char link[NAME_ROOM];
    int done;

    if (!to_string(member->name, name) || !to_string(member->link, link) || !stays_inside(name) ||
        !is_ours(member)) {
        return fault(why, FAULT_INVALID,
                     "a member of the installation in this program is not "
                     "understood: %.99s",
                     name);
    }
    if (member->type == '5') {
        done = mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
    } else if (member->type == '2') {
        done = symlinkat(link, dir, name) < 0 ? -errno : 0;
    } else {
        done = make_file(dir, name, member);
    }
    return done < 0 ? fault_sys(why, done, "unpack %s", name) : 0;
}

static int unpack_all(struct cursor tar, int dir, struct fault *why)
{
    for (int files = 0;; files++) {
        struct unpack_member member;

        switch (unpack_next(&tar, &member)) {
        case UNPACK_END:
            return 0;
        case UNPACK_WRONG:
            return fault(why, FAULT_INVALID, "the installation in this program is not whole");
        case UNPACK_CUT:
            return fault(why, FAULT_LIMIT, "the installation in this program is too large");
        case UNPACK_MEMBER:
            break;
        }
        if (files == PAYLOAD_FILES_MAX) {
            return fault(why, FAULT_LIMIT, "the installation in this program is too large");
        }
        TRY(make_member(dir, &member, why));
    }
}

static int unpack_mapped(int fd, const struct payload *payload, int dir, struct fault *why)
{
    size_t size = (size_t)(payload->offset + payload->length);
    void *mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    int done;

    if (mapped == MAP_FAILED) {
        return fault_sys(why, -errno, "map the installation in this program");
    }
    done = unpack_all(cursor_over((const uint8_t *)mapped + payload->offset, (size_t)payload->length),
                      dir, why);
    (void)munmap(mapped, size);
    return done;
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
    TRY(unpack_mapped(fd, payload, dir, why));
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
