/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Use is a shared flock(2) on the code file: it lasts as long as any duplicate of the descriptor,
 * in any process, and a sweep that cannot get the exclusive lock leaves the entry alone. The code
 * is renamed into place last, so that whoever sees it finds the other two files.
 */
#include "runtime/cache/cache.h"

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
#include "base/digest.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/cache/internal.h"

enum { SUM_MAX = 512 };

void cache_name(const char *key, const char *suffix, char ret[CACHE_NAME_ROOM])
{
    (void)snprintf(ret, CACHE_NAME_ROOM, "%s%s", key, suffix);
}

static int folder_check(int dir, const char *path, struct fault *why)
{
    struct stat found;

    if (fstat(dir, &found) < 0) {
        return fault_sys(why, -errno, "look at the cache %s", path);
    }
    if (found.st_uid != geteuid() || (found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fault(why, FAULT_DENIED,
                     "the cache %s holds code, but others may write to it (owner %u, mode %o)",
                     path, found.st_uid, found.st_mode & 07777);
    }
    return 0;
}

int cache_open(const char *dir, uint64_t bytes, own struct cache **ret, struct fault *why)
{
    AUTO(cache_close) struct cache *cache = NEW(struct cache);
    int done;

    cache->dir = -1;
    cache->bytes = bytes == 0 ? CACHE_BYTES_DEFAULT : bytes;
    cache->checked = NEW_ARRAY(CHECKED_MAX, struct checked);
    (void)pthread_mutex_init(&cache->lock, NULL);
    if (dir[0] != '/') {
        return fault(why, FAULT_INVALID, "the cache %s is not an absolute path", dir);
    }
    done = fs_make_folders(dir, 0700);
    if (done < 0) {
        return fault_sys(why, done, "make the cache %s", dir);
    }
    cache->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cache->dir < 0) {
        return fault_sys(why, -errno, "open the cache %s", dir);
    }
    TRY(folder_check(cache->dir, dir, why));
    *ret = TAKE(cache);
    return 0;
}

struct cache *cache_close(own struct cache *cache)
{
    if (cache) {
        (void)fd_close(cache->dir);
        (void)pthread_mutex_destroy(&cache->lock);
        free(cache->checked);
        free(cache);
    }
    return NULL;
}

void cache_key(const char *component, const char *identity, char ret[CACHE_KEY_ROOM])
{
    AUTO(digest_free) struct digest *digest = digest_new();

    digest_add(digest, component, strlen(component));
    digest_add(digest, "\n", 1);
    digest_add(digest, identity, strlen(identity));
    digest_end(digest, ret);
}

void cache_entry_fini(struct cache_entry *entry)
{
    entry->code = fd_close(entry->code);
    free(entry->description);
    entry->description = NULL;
}

static bool checked_is(const struct checked *checked, const struct stat *file)
{
    return checked->dev == file->st_dev && checked->inode == file->st_ino &&
           checked->size == file->st_size && checked->changed.tv_sec == file->st_mtim.tv_sec &&
           checked->changed.tv_nsec == file->st_mtim.tv_nsec;
}

static bool checked_find(struct cache *cache, const struct stat *file, char ret[DIGEST_HEX_ROOM])
{
    bool found = false;

    (void)pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < cache->checked_count && !found; i++) {
        found = checked_is(&cache->checked[i], file);
        if (found) {
            memcpy(ret, cache->checked[i].hex, DIGEST_HEX_ROOM);
        }
    }
    (void)pthread_mutex_unlock(&cache->lock);
    return found;
}

static void checked_add(struct cache *cache, const struct stat *file, const char *hex)
{
    struct checked *checked = NULL;

    (void)pthread_mutex_lock(&cache->lock);
    checked = &cache->checked[cache->checked_next];
    *checked = (struct checked){.dev = file->st_dev,
                                .inode = file->st_ino,
                                .size = file->st_size,
                                .changed = file->st_mtim};
    memcpy(checked->hex, hex, DIGEST_HEX_ROOM);
    cache->checked_next = (cache->checked_next + 1) % CHECKED_MAX;
    cache->checked_count += cache->checked_count < CHECKED_MAX ? 1 : 0;
    (void)pthread_mutex_unlock(&cache->lock);
}

/* The two lines of KEY.sum, compared as a whole. */
static void sum_print(const char *key, const char *code, const char *description, struct buf *ret)
{
    buf_print(ret, "%s  %s.cwasm\n%s  %s.json\n", code, key, description, key);
}

static bool sum_holds(struct cache *cache, const char *key, const struct cache_entry *entry,
                      const struct buf *sum)
{
    AUTO(buf_fini) struct buf expected = BUF(SUM_MAX);
    char code[DIGEST_HEX_ROOM] = "";
    char description[DIGEST_HEX_ROOM];
    struct stat file;
    bool known;

    if (fstat(entry->code, &file) < 0) {
        return false;
    }
    known = checked_find(cache, &file, code);
    if (!known && digest_file(entry->code, CACHE_CODE_MAX, code) < 0) {
        return false;
    }
    digest_bytes(entry->description, strlen(entry->description), description);
    sum_print(key, code, description, &expected);
    if (expected.overflow || expected.length != sum->length ||
        memcmp(expected.data, sum->data, sum->length) != 0) {
        return false;
    }
    if (!known) {
        checked_add(cache, &file, code);
    }
    return true;
}

/* Opens and locks; a file that a sweep took away in between is missing. */
static int code_open(struct cache *cache, const char *key, int *ret, struct fault *why)
{
    AUTO(fd_close) int code = -1;
    char name[CACHE_NAME_ROOM];
    struct stat file;
    const struct timespec used[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};

    cache_name(key, ".cwasm", name);
    code = openat(cache->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (code < 0 && errno == ENOENT) {
        return CACHE_MISSING;
    }
    if (code < 0) {
        return fault_sys(why, -errno, "open %s in the cache", name);
    }
    if (flock(code, LOCK_SH | LOCK_NB) < 0 || fstat(code, &file) < 0 || file.st_nlink == 0) {
        return CACHE_MISSING;
    }
    (void)futimens(code, used);
    *ret = TAKE_FD(code);
    return CACHE_FOUND;
}

static bool entry_read(struct cache *cache, const char *key, struct cache_entry *ret)
{
    AUTO(buf_fini) struct buf description = BUF(CACHE_DESCRIPTION_MAX);
    AUTO(buf_fini) struct buf sum = BUF(SUM_MAX);
    char name[CACHE_NAME_ROOM];
    struct fault why;

    cache_name(key, ".json", name);
    if (fs_read_small(cache->dir, name, &description, &why) < 0 || description.length == 0) {
        return false;
    }
    cache_name(key, ".sum", name);
    if (fs_read_small(cache->dir, name, &sum, &why) < 0) {
        return false;
    }
    ret->description = memory_text((const char *)description.data, description.length);
    return sum_holds(cache, key, ret, &sum);
}

static void entry_remove(struct cache *cache, const char *key)
{
    static const char *const suffixes[] = {".cwasm", ".json", ".sum"};
    char name[CACHE_NAME_ROOM];

    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        cache_name(key, suffixes[i], name);
        (void)unlinkat(cache->dir, name, 0);
    }
}

int cache_find(struct cache *cache, const char *key, struct cache_entry *ret, struct fault *why)
{
    struct cache_entry entry = {.code = -1};
    int found = code_open(cache, key, &entry.code, why);

    if (found != CACHE_FOUND) {
        return found;
    }
    if (!entry_read(cache, key, &entry)) {
        log_warn("cache entry removed, its digests do not hold", "key=%s", key);
        entry_remove(cache, key);
        cache_entry_fini(&entry);
        return CACHE_MISSING;
    }
    *ret = entry;
    return CACHE_FOUND;
}

int cache_draft(struct cache *cache, const char *key, struct cache_draft *ret, struct fault *why)
{
    struct cache_draft draft = {.code = -1, .description = -1};

    (void)pthread_mutex_lock(&cache->lock);
    (void)snprintf(draft.name, sizeof(draft.name), "%s.%d-%u.new", key, getpid(), cache->drafts++);
    (void)pthread_mutex_unlock(&cache->lock);
    draft.code =
        openat(cache->dir, draft.name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (draft.code < 0) {
        return fault_sys(why, -errno, "create a file in the cache");
    }
    draft.description = memfd_create("description", MFD_CLOEXEC);
    if (draft.description < 0) {
        int err = -errno;

        cache_draft_fini(cache, &draft);
        return fault_sys(why, err, "make room for a description");
    }
    *ret = draft;
    return 0;
}

void cache_draft_fini(struct cache *cache, struct cache_draft *draft)
{
    if (draft->code >= 0 && draft->name[0] != '\0') {
        (void)unlinkat(cache->dir, draft->name, 0);
    }
    draft->code = fd_close(draft->code);
    draft->description = fd_close(draft->description);
    draft->name[0] = '\0';
}

static int draft_place(struct cache *cache, const char *key, struct cache_draft *draft,
                       const struct buf *description, struct fault *why)
{
    AUTO(buf_fini) struct buf sum = BUF(SUM_MAX);
    char code_hex[DIGEST_HEX_ROOM];
    char description_hex[DIGEST_HEX_ROOM];
    char name[CACHE_NAME_ROOM];
    struct stat file;
    int done = fsync(draft->code) < 0 ? -errno : digest_file(draft->code, CACHE_CODE_MAX, code_hex);

    if (done < 0) {
        return fault_sys(why, done, "read what the compiler wrote");
    }
    digest_bytes(description->data, description->length, description_hex);
    sum_print(key, code_hex, description_hex, &sum);
    TRY(buf_check(&sum, "a cache entry's digests", why));
    cache_name(key, ".json", name);
    TRY(fs_replace(cache->dir, name,
                   (struct text){(const char *)description->data, description->length}, 0600, why));
    cache_name(key, ".sum", name);
    TRY(fs_replace(cache->dir, name, (struct text){(const char *)sum.data, sum.length}, 0600, why));
    cache_name(key, ".cwasm", name);
    if (fstat(draft->code, &file) == 0) {
        checked_add(cache, &file, code_hex);
    }
    /* Readable by all: a worker opens it again through /proc/self/fd; the folder is 0700. */
    if (fchmod(draft->code, 0444) < 0 || renameat(cache->dir, draft->name, cache->dir, name) < 0 ||
        fsync(cache->dir) < 0) {
        return fault_sys(why, -errno, "put %s into the cache", name);
    }
    return 0;
}

int cache_admit(struct cache *cache, const char *key, struct cache_draft *draft,
                struct cache_entry *ret, struct fault *why)
{
    AUTO(buf_fini) struct buf description = BUF(CACHE_DESCRIPTION_MAX);
    struct cache_entry entry = {.code = -1};
    int found = cache_find(cache, key, ret, why);

    if (found == CACHE_FOUND) { /* another process was faster; both made the same */
        cache_draft_fini(cache, draft);
        return 0;
    }
    TRY(fs_read_fd(draft->description, "a component's description", &description, why));
    TRY(draft_place(cache, key, draft, &description, why));
    draft->name[0] = '\0'; /* it has its final name now */
    cache_draft_fini(cache, draft);
    found = code_open(cache, key, &entry.code, why);
    TRY(found);
    if (found == CACHE_MISSING) {
        return fault(why, FAULT_UNAVAILABLE, "another process took %s out of the cache", key);
    }
    entry.description = memory_text((const char *)description.data, description.length);
    *ret = entry;
    return 0;
}
