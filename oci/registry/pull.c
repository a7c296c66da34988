/* SPDX-License-Identifier: Apache-2.0 */
/* The digest is computed over the file at the end: a resumed transfer is checked like any other. */
#include "oci/registry/pull.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/text.h"
#include "oci/manifest.h"
#include "oci/registry/client.h"

enum { BLOB_TRIES = 5, HASH_PIECE = 16384 };

#define MANIFEST_TYPES                                                                             \
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "       \
    "application/vnd.docker.distribution.manifest.v2+json, "                                      \
    "application/vnd.docker.distribution.manifest.list.v2+json"

int pull_manifest(struct registry *registry, const char *target, struct buf *ret,
                  struct pulled_manifest *about, struct fault *why)
{
    char path[DIGEST_NAME_ROOM + 16];
    struct http_sink sink = {.buf = ret, .file = -1, .max = ret->max};
    struct registry_call call = {
        .method = "GET", .path = path, .accept = MANIFEST_TYPES, .sink = &sink};
    struct http_answer answer;

    (void)snprintf(path, sizeof(path), "manifests/%s", target);
    TRY(registry_perform(registry, &call, &answer, why));
    if (answer.status != 200) {
        return fault(why, answer.status == 404 ? FAULT_NOT_FOUND : FAULT_INVALID,
                     "%s has no manifest %s (%ld)", registry_repository(registry), target,
                     answer.status);
    }
    digest_name_of(ret->data, ret->length, &about->digest);
    if (strncmp(target, "sha256:", 7) == 0 && strcmp(target, about->digest.text) != 0) {
        return fault(why, FAULT_INVALID, "the manifest that came is %s, not %s",
                     about->digest.text, target);
    }
    if (strncmp(answer.digest, "sha256:", 7) == 0 &&
        strcmp(answer.digest, about->digest.text) != 0) {
        return fault(why, FAULT_INVALID, "the manifest that came is %s, but the registry says %.80s",
                     about->digest.text, answer.digest);
    }
    answer.content_type[strcspn(answer.content_type, "; ")] = '\0';
    (void)snprintf(about->media_type, sizeof(about->media_type), "%s", answer.content_type);
    return 0;
}

static int check_file(const struct descriptor *blob, int file, struct fault *why)
{
    AUTO(digest_free) struct digest *digest = digest_new_kind(blob->digest.kind);
    uint8_t piece[HASH_PIECE];
    off_t offset = 0;
    ssize_t got;

    while ((got = pread(file, piece, sizeof(piece), offset)) > 0) {
        digest_add(digest, piece, (size_t)got);
        offset += got;
    }
    if (got < 0) {
        return fault_sys(why, -errno, "read back what was pulled");
    }
    return digest_name_end(digest, &blob->digest, "the blob", why);
}

/* One transfer from @have on. Return: 0 with @ret_have moved, or negative. */
static int pull_rest(struct registry *registry, const struct descriptor *blob, int file,
                     uint64_t *have, struct fault *why)
{
    char path[DIGEST_NAME_ROOM + 16];
    char range[64];
    struct http_sink sink = {.file = file, .max = blob->size - *have};
    struct registry_call call = {.method = "GET", .path = path, .sink = &sink, .once = true};
    struct http_answer answer = {.status = 0};
    int done;

    (void)snprintf(path, sizeof(path), "blobs/%s", blob->digest.text);
    (void)snprintf(range, sizeof(range), "Range: bytes=%llu-", (unsigned long long)*have);
    call.range = *have > 0 ? range : NULL;
    done = registry_perform(registry, &call, &answer, why);
    if (answer.status == 200 && *have > 0) {
        /* It sends all from the start: what came is not the rest. */
        *have = 0;
        return ftruncate(file, 0) < 0 || lseek(file, 0, SEEK_SET) < 0
                   ? fault_sys(why, -errno, "start a file again")
                   : 1;
    }
    *have += answer.written;
    TRY(done);
    if (answer.status != 200 && answer.status != 206) {
        return fault(why, answer.status == 404 ? FAULT_NOT_FOUND : FAULT_INVALID,
                     "%s has no blob %s (%ld)", registry_repository(registry), blob->digest.text,
                     answer.status);
    }
    return *have == blob->size ? 0 : fault(why, FAULT_UNAVAILABLE, "the blob %s ended after %llu of "
                                           "%llu bytes", blob->digest.text,
                                           (unsigned long long)*have,
                                           (unsigned long long)blob->size);
}

int pull_blob(struct registry *registry, const struct descriptor *blob, int file,
              struct fault *why)
{
    uint64_t have = 0;

    for (unsigned tries = 1;; tries++) {
        int done = pull_rest(registry, blob, file, &have, why);

        if (done == 0) {
            return check_file(blob, file, why);
        }
        if (tries >= BLOB_TRIES || (done < 0 && why->kind != FAULT_UNAVAILABLE &&
                                    why->kind != FAULT_TIMEOUT)) {
            return -1;
        }
    }
}
