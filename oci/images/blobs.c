/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kept components stand in a list, the last used first. One that is being read stands there too,
 * without a descriptor: whoever wants it waits for its reader.
 */
#include "oci/images/blobs.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "oci/binary.h"
#include "oci/images/reader.h"

enum { PIECE = 1024 * 1024 };

struct kept {
    TAILQ_ENTRY(kept) link;
    struct digest_name name;
    int fd; /* -1 while it is read */
    uint64_t bytes;
};

struct blobs {
    pthread_mutex_t lock; /* guards all below but the store */
    pthread_cond_t arrived;
    TAILQ_HEAD(kept_list, kept) kept;
    size_t count;
    uint64_t bytes;
    uint64_t kept_max;
    struct store store;
};

own struct blobs *blobs_new(struct store store, uint64_t kept_max)
{
    struct blobs *blobs = NEW(struct blobs);

    (void)pthread_mutex_init(&blobs->lock, NULL);
    (void)pthread_cond_init(&blobs->arrived, NULL);
    TAILQ_INIT(&blobs->kept);
    blobs->store = store;
    blobs->kept_max = kept_max;
    return blobs;
}

static void kept_remove(struct blobs *blobs, struct kept *kept)
{
    TAILQ_REMOVE(&blobs->kept, kept, link);
    blobs->count--;
    blobs->bytes -= kept->bytes;
    (void)fd_close(kept->fd);
    free(kept);
}

static void kept_shrink(struct blobs *blobs, uint64_t bytes_max, size_t count_max)
{
    struct kept *kept = TAILQ_LAST(&blobs->kept, kept_list);

    while (kept && (blobs->bytes > bytes_max || blobs->count > count_max)) {
        struct kept *before = TAILQ_PREV(kept, kept_list, link);

        if (kept->fd >= 0) {
            kept_remove(blobs, kept);
        }
        kept = before;
    }
}

void blobs_forget(struct blobs *blobs)
{
    (void)pthread_mutex_lock(&blobs->lock);
    kept_shrink(blobs, 0, 0);
    (void)pthread_mutex_unlock(&blobs->lock);
}

struct blobs *blobs_free(own struct blobs *blobs)
{
    if (blobs) {
        kept_shrink(blobs, 0, 0);
        (void)pthread_cond_destroy(&blobs->arrived);
        (void)pthread_mutex_destroy(&blobs->lock);
        free(blobs);
    }
    return NULL;
}

/* Bytes on their way into a descriptor or a buffer, counted and hashed. */
struct intake {
    int fd; /* -1: into buf */
    struct buf *buf;
    const char *what;
    struct digest *digest;
    uint64_t taken;
    uint64_t max;
    uint8_t head[8];
};

static int intake_add(void *owner, const void *bytes, size_t length, struct fault *why)
{
    struct intake *intake = (struct intake *)owner;
    int done = 0;

    if (length > intake->max - intake->taken) {
        return fault(why, FAULT_INVALID, "%s is longer than the %llu bytes that were promised",
                     intake->what, (unsigned long long)intake->max);
    }
    for (size_t i = 0; i < length && intake->taken + i < sizeof(intake->head); i++) {
        intake->head[intake->taken + i] = ((const uint8_t *)bytes)[i];
    }
    digest_add(intake->digest, bytes, length);
    intake->taken += length;
    if (intake->fd < 0) {
        buf_put(intake->buf, bytes, length);
        return buf_check(intake->buf, intake->what, why);
    }
    done = fs_write_all(intake->fd, bytes, length);
    return done < 0 ? fault_sys(why, done, "copy %s", intake->what) : 0;
}

static int pour_file(int file, struct intake *intake, struct fault *why)
{
    AUTO(memory_free) uint8_t *piece = NEW_ARRAY(PIECE, uint8_t);
    uint64_t offset = 0;

    for (;;) {
        ssize_t got = pread(file, piece, PIECE, (off_t)offset);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fault_sys(why, -errno, "read %s", intake->what);
        }
        if (got == 0) {
            return 0;
        }
        TRY(intake_add(intake, piece, (size_t)got, why));
        offset += (uint64_t)got;
    }
}

/* Where the bytes of one blob are: in a file, else in the store. */
struct source {
    struct blobs *blobs;
    const char *space;
    const struct blob *blob;
    int file;
};

static int pour(const struct source *source, struct intake *intake, struct fault *why)
{
    const struct store *store = &source->blobs->store;
    AUTO(fd_close) int fd = -1;

    if (source->file >= 0) {
        return pour_file(source->file, intake, why);
    }
    fd = store->open_blob(store->owner, source->blob->digest);
    if (fd >= 0) {
        return pour_file(fd, intake, why);
    }
    return store->read_blob(store->owner, source->space, source->blob->digest, intake_add, intake,
                            why);
}

static int fetch(const struct source *source, struct intake *intake, struct fault *why)
{
    const struct blob *blob = source->blob;
    AUTO(digest_free) struct digest *digest = digest_new_kind(blob->digest->kind);

    intake->what = blob->what;
    intake->digest = digest;
    intake->max = blob->size;
    if (pour(source, intake, why) < 0) {
        return fault_while(why, "read %s %.19s…", blob->what, blob->digest->text);
    }
    if (intake->taken != blob->size) {
        return fault(why, FAULT_INVALID, "%s %.19s… has %llu bytes instead of the promised %llu",
                     blob->what, blob->digest->text, (unsigned long long)intake->taken,
                     (unsigned long long)blob->size);
    }
    return digest_name_end(digest, blob->digest, blob->what, why);
}

int blobs_document(struct blobs *blobs, const char *space, const struct blob *blob,
                   struct buf *ret, struct fault *why)
{
    const struct source source = {blobs, space, blob, -1};
    struct intake intake = {.fd = -1, .buf = ret};

    ret->length = 0;
    if (blob->size > ret->max) {
        return fault(why, FAULT_LIMIT, "%s has %llu bytes; at most %zu are read", blob->what,
                     (unsigned long long)blob->size, ret->max);
    }
    return fetch(&source, &intake, why);
}

static int fetch_sealed(const struct source *source, int *ret_fd, struct fault *why)
{
    AUTO(fd_close) int fd = fs_memory_new("component");
    struct intake intake = {.fd = fd};
    int done;

    if (fd < 0) {
        return fault_sys(why, fd, "make memory for %s", source->blob->what);
    }
    TRY(fetch(source, &intake, why));
    if (!binary_is_wasm(intake.head, intake.taken < 8 ? (size_t)intake.taken : 8)) {
        return fault(why, FAULT_INVALID, "%s %.19s… is not WebAssembly", source->blob->what,
                     source->blob->digest->text);
    }
    done = fs_memory_seal(fd);
    if (done < 0) {
        return fault_sys(why, done, "seal %s", source->blob->what);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static struct kept *kept_find(struct blobs *blobs, const struct digest_name *name)
{
    struct kept *kept = NULL;

    TAILQ_FOREACH (kept, &blobs->kept, link) {
        if (strcmp(kept->name.text, name->text) == 0) {
            return kept;
        }
    }
    return NULL;
}

/* Under the lock. The one that is there (waited for, if need be) or NULL: then we are its reader. */
static struct kept *kept_await(struct blobs *blobs, const struct digest_name *name,
                               struct kept **ret_ours)
{
    struct kept *kept = kept_find(blobs, name);

    while (kept && kept->fd < 0) {
        (void)pthread_cond_wait(&blobs->arrived, &blobs->lock);
        kept = kept_find(blobs, name);
    }
    if (kept) {
        TAILQ_REMOVE(&blobs->kept, kept, link);
    } else {
        *ret_ours = NEW(struct kept);
        (*ret_ours)->name = *name;
        (*ret_ours)->fd = -1;
        blobs->count++;
    }
    TAILQ_INSERT_HEAD(&blobs->kept, kept ? kept : *ret_ours, link);
    return kept;
}

static int obtain(const struct source *source, int *ret_fd, struct fault *why)
{
    struct blobs *blobs = source->blobs;
    AUTO(fd_close) int fd = -1;
    struct kept *ours = NULL;
    struct kept *kept = NULL;
    int done = 0;

    (void)pthread_mutex_lock(&blobs->lock);
    kept = kept_await(blobs, source->blob->digest, &ours);
    if (kept) {
        fd = fd_duplicate(kept->fd);
    }
    (void)pthread_mutex_unlock(&blobs->lock);
    if (ours) {
        done = fetch_sealed(source, &fd, why);
        (void)pthread_mutex_lock(&blobs->lock);
        ours->fd = done < 0 ? -1 : fd_duplicate(fd);
        if (ours->fd < 0) {
            kept_remove(blobs, ours);
        } else {
            ours->bytes = source->blob->size;
            blobs->bytes += ours->bytes;
            kept_shrink(blobs, blobs->kept_max, BLOBS_KEPT_MAX);
        }
        (void)pthread_cond_broadcast(&blobs->arrived);
        (void)pthread_mutex_unlock(&blobs->lock);
    }
    if (done < 0) {
        return done;
    }
    if (fd < 0) {
        return fault_sys(why, fd, "hand out %s", source->blob->what);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int blobs_component(struct blobs *blobs, const char *space, const struct blob *blob, int *ret_fd,
                    struct fault *why)
{
    const struct source source = {blobs, space, blob, -1};

    if (blob->digest->kind != DIGEST_SHA256) {
        return fault(why, FAULT_UNSUPPORTED, "%s is named by sha512; components are by sha256",
                     blob->what);
    }
    if (blob->size > IMAGE_BYTES_MAX) {
        return fault(why, FAULT_LIMIT, "%s has %llu bytes; at most %d are accepted", blob->what,
                     (unsigned long long)blob->size, IMAGE_BYTES_MAX);
    }
    return obtain(&source, ret_fd, why);
}

/* Twice over the file, but a copy only of what is new: files of one image have one digest. */
int blobs_file(struct blobs *blobs, int file, struct digest_name *ret_name, int *ret_fd,
               struct fault *why)
{
    struct digest_name name;
    struct blob blob = {.what = "the file", .digest = &name};
    const struct source source = {blobs, "", &blob, file};
    struct stat about;
    int done;

    if (fstat(file, &about) < 0 || !S_ISREG(about.st_mode)) {
        return fault(why, FAULT_INVALID, "what should be a component is not a file");
    }
    done = digest_name_of_file(file, IMAGE_BYTES_MAX, &name);
    if (done == -EFBIG) {
        return fault(why, FAULT_LIMIT, "the file is larger than the %d bytes that a component may "
                     "have", IMAGE_BYTES_MAX);
    }
    if (done < 0) {
        return fault_sys(why, done, "read the file");
    }
    blob.size = (uint64_t)about.st_size;
    TRY(obtain(&source, ret_fd, why));
    *ret_name = name;
    return 0;
}
