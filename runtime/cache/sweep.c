/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the folder finds entries, their sizes and last use, and what crashes left behind;
 * a second pass over the sorted list removes the oldest until a tenth of the room is free again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/cache/cache.h"
#include "runtime/cache/internal.h"

enum { ENTRIES_MAX = 1 << 20, REMAINS_S = 3600, KEY_LENGTH = CACHE_KEY_ROOM - 1 };

struct found {
    char key[CACHE_KEY_ROOM];
    uint64_t bytes;
    struct timespec used;
};

struct listing {
    struct found *entries;
    size_t count;
    size_t room;
    uint64_t bytes;
};

static bool ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t tail = strlen(suffix);

    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

static uint64_t size_of(int dir, const char *key, const char *suffix)
{
    char name[CACHE_NAME_ROOM];
    struct stat file;

    cache_name(key, suffix, name);
    return fstatat(dir, name, &file, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : (uint64_t)file.st_size;
}

static void listing_add(struct listing *listing, int dir, const char *name, const struct stat *file)
{
    struct found *entry = NULL;

    if (strlen(name) != KEY_LENGTH + strlen(".cwasm") || listing->count == ENTRIES_MAX) {
        return;
    }
    if (listing->count == listing->room) {
        size_t room = listing->room == 0 ? 64 : listing->room * 2;
        struct found *grown = NEW_ARRAY(room, struct found);

        if (listing->count > 0) {
            memcpy(grown, listing->entries, listing->count * sizeof(*grown));
        }
        free(listing->entries);
        listing->entries = grown;
        listing->room = room;
    }
    entry = &listing->entries[listing->count++];
    memcpy(entry->key, name, KEY_LENGTH);
    entry->key[KEY_LENGTH] = '\0';
    entry->used = file->st_atim;
    entry->bytes = (uint64_t)file->st_size + size_of(dir, entry->key, ".json") +
                   size_of(dir, entry->key, ".sum");
    listing->bytes += entry->bytes;
}

/* A draft of a process that died, or the small files of an entry whose code never came. */
static bool is_remains(int dir, const char *name, const struct stat *file)
{
    char code[CACHE_NAME_ROOM];
    char key[CACHE_KEY_ROOM];
    struct stat other;

    if (time(NULL) - file->st_mtim.tv_sec < REMAINS_S) {
        return false;
    }
    if (ends_in(name, ".new")) {
        return true;
    }
    if (strlen(name) < KEY_LENGTH || (!ends_in(name, ".json") && !ends_in(name, ".sum"))) {
        return false;
    }
    memcpy(key, name, KEY_LENGTH);
    key[KEY_LENGTH] = '\0';
    cache_name(key, ".cwasm", code);
    return fstatat(dir, code, &other, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static uint64_t folder_list(int dir, DIR *stream, struct listing *ret)
{
    uint64_t freed = 0;
    struct dirent *item;

    while ((void)(item = readdir(stream)), item) {
        struct stat file;

        if (fstatat(dir, item->d_name, &file, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(file.st_mode)) {
            continue;
        }
        if (ends_in(item->d_name, ".cwasm")) {
            listing_add(ret, dir, item->d_name, &file);
        } else if (is_remains(dir, item->d_name, &file) && unlinkat(dir, item->d_name, 0) == 0) {
            freed += (uint64_t)file.st_size;
        }
    }
    return freed;
}

static int by_use(const void *left, const void *right)
{
    const struct timespec *a = &((const struct found *)left)->used;
    const struct timespec *b = &((const struct found *)right)->used;

    if (a->tv_sec != b->tv_sec) {
        return a->tv_sec < b->tv_sec ? -1 : 1;
    }
    return a->tv_nsec < b->tv_nsec ? -1 : (a->tv_nsec > b->tv_nsec ? 1 : 0);
}

static bool entry_sweep(int dir, const struct found *entry)
{
    AUTO(fd_close) int code = -1;
    char name[CACHE_NAME_ROOM];

    cache_name(entry->key, ".cwasm", name);
    code = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (code < 0 || flock(code, LOCK_EX | LOCK_NB) < 0 || unlinkat(dir, name, 0) < 0) {
        return false;
    }
    cache_name(entry->key, ".json", name);
    (void)unlinkat(dir, name, 0);
    cache_name(entry->key, ".sum", name);
    (void)unlinkat(dir, name, 0);
    return true;
}

uint64_t cache_sweep(struct cache *cache)
{
    struct listing listing = {0};
    uint64_t wanted = cache->bytes / 10 * 9;
    uint64_t freed = 0;
    int dir = openat(cache->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = dir < 0 ? NULL : fdopendir(dir);

    if (!stream) {
        (void)fd_close(dir);
        return 0;
    }
    freed = folder_list(cache->dir, stream, &listing);
    (void)closedir(stream);
    if (listing.bytes > cache->bytes) {
        qsort(listing.entries, listing.count, sizeof(*listing.entries), by_use);
        for (size_t i = 0; i < listing.count && listing.bytes > wanted; i++) {
            if (entry_sweep(cache->dir, &listing.entries[i])) {
                listing.bytes -= listing.entries[i].bytes;
                freed += listing.entries[i].bytes;
            }
        }
    }
    free(listing.entries);
    return freed;
}
