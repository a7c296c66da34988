/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works: a value is written to a file of another name, which begins with a dot as no key's
 * does, brought to the disk and renamed. A listing reads the whole folder for each page and keeps the
 * keys that come next: nothing has to be remembered between two pages.
 */
#include "platform/keyvalue/bucket.h"

#include "platform/environment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_SIZE = sizeof(struct bucket) + 1 + NAME_SIZE,
};

static int failed(struct bytes *why, const char *doing, const char *what)
{
    int error = errno;

    if (error == EACCES || error == EPERM || error == EROFS) {
        return BUCKET_DENIED;
    }
    *why = sentence("%s %s: %s", doing, what, strerror(error));
    return BUCKET_FAILED;
}

static void path_of(const struct bucket *bucket, const struct key *key, char path[PATH_SIZE])
{
    char name[NAME_SIZE];

    key_name(key, name);
    snprintf(path, PATH_SIZE, "%s/%s", bucket->folder, name);
}

int bucket_open(const uint8_t *name, size_t count, struct bucket *ret, struct bytes *why)
{
    const char *root = environment_get("KEYVALUE_FOLDER");
    struct stat about;
    char identifier[IDENTIFIER_MOST + 1];

    if (!key_bucket(name, count, identifier)) {
        return BUCKET_NO_SUCH;
    }
    if (!root || *root == '\0') {
        root = "/data";
    }
    if (*root != '/' || strlen(root) > ROOT_MOST) {
        *why = sentence("KEYVALUE_FOLDER is an absolute path of at most %d bytes", ROOT_MOST);
        return BUCKET_FAILED;
    }
    snprintf(ret->folder, sizeof(ret->folder), "%s/%s", root, identifier);
    if (stat(ret->folder, &about) == 0) {
        return S_ISDIR(about.st_mode) ? BUCKET_DONE : BUCKET_NO_SUCH;
    }
    if (stat(root, &about) < 0) {
        *why = sentence("KEYVALUE_FOLDER is %s, and no folder is mounted there", root);
        return BUCKET_FAILED;
    }
    if (mkdir(ret->folder, 0777) == 0 || errno == EEXIST) {
        return BUCKET_DONE;
    }
    return failed(why, "make the bucket", ret->folder);
}

int bucket_get(const struct bucket *bucket, const struct key *key, struct bytes *ret, struct bytes *why)
{
    char path[PATH_SIZE];
    int answer;

    path_of(bucket, key, path);
    answer = file_read(path, VALUE_MOST, ret);
    if (answer == FILE_READ) {
        return BUCKET_DONE;
    }
    if (answer == FILE_ABSENT) {
        return BUCKET_ABSENT;
    }
    if (answer == FILE_TOO_BIG) {
        *why = sentence("%s has %zu bytes, and a value has at most %d", path, ret->count, VALUE_MOST);
        return BUCKET_FAILED;
    }
    errno = -answer;
    return failed(why, "read", path);
}

static bool write_all(int fd, struct bytes value)
{
    size_t written = 0;

    while (written < value.count) {
        ssize_t more = write(fd, value.at + written, value.count - written);

        if (more < 0) {
            return false;
        }
        written += (size_t)more;
    }
    return fsync(fd) == 0;
}

static bool write_file(const char *path, struct bytes value)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    bool done;
    int error;

    if (fd < 0) {
        return false;
    }
    done = write_all(fd, value);
    error = errno;
    if (close(fd) < 0 && done) {
        return false;
    }
    errno = error;
    return done;
}

int bucket_set(const struct bucket *bucket, const struct key *key, struct bytes value, struct bytes *why)
{
    char path[PATH_SIZE];
    char new[PATH_SIZE];
    uint64_t number = 0;
    int answer;

    if (value.count > VALUE_MOST) {
        *why = sentence("a value has at most %d bytes, and this one has %zu", VALUE_MOST, value.count);
        return BUCKET_FAILED;
    }
    path_of(bucket, key, path);
    if (getentropy(&number, sizeof(number)) < 0) {
        return failed(why, "find a name for", path);
    }
    snprintf(new, sizeof(new), "%s/.new-%016" PRIx64, bucket->folder, number);
    if (write_file(new, value) && rename(new, path) == 0) {
        return BUCKET_DONE;
    }
    answer = failed(why, "write", path);
    unlink(new);
    return answer;
}

int bucket_delete(const struct bucket *bucket, const struct key *key, struct bytes *why)
{
    char path[PATH_SIZE];

    path_of(bucket, key, path);
    return unlink(path) == 0 || errno == ENOENT ? BUCKET_DONE : failed(why, "delete", path);
}

int bucket_has(const struct bucket *bucket, const struct key *key, struct bytes *why)
{
    char path[PATH_SIZE];
    struct stat about;

    path_of(bucket, key, path);
    if (stat(path, &about) == 0) {
        return S_ISREG(about.st_mode) ? BUCKET_DONE : BUCKET_ABSENT;
    }
    return errno == ENOENT ? BUCKET_ABSENT : failed(why, "look for", path);
}

/* Keeps the page sorted and its last one out when it is full. */
static void page_add(struct page *page, const struct key *key, uint64_t place)
{
    size_t at = page->count;

    while (at > 0 && page->at[at - 1].place > place) {
        at--;
    }
    if (page->count == PAGE_MOST) {
        page->more = true;
        if (at == PAGE_MOST) {
            return;
        }
        page->count--;
    }
    memmove(&page->at[at + 1], &page->at[at], (page->count - at) * sizeof(*page->at));
    page->at[at] = (struct found){.place = place, .key = *key};
    page->count++;
}

int bucket_list(const struct bucket *bucket, const uint64_t *after, struct page *ret, struct bytes *why)
{
    DIR *folder = opendir(bucket->folder);
    struct dirent *entry;

    ret->count = 0;
    ret->more = false;
    if (!folder) {
        return failed(why, "list", bucket->folder);
    }
    for (errno = 0; (entry = readdir(folder)); errno = 0) {
        struct key key;
        uint64_t place;

        if (entry->d_type != DT_REG || !key_from_name(entry->d_name, &key)) {
            continue;
        }
        place = key_place(&key);
        if (!after || place > *after) {
            page_add(ret, &key, place);
        }
    }
    if (errno != 0) {
        int answer = failed(why, "list", bucket->folder);

        closedir(folder);
        return answer;
    }
    closedir(folder);
    ret->next = ret->more ? ret->at[ret->count - 1].place : 0;
    return BUCKET_DONE;
}
