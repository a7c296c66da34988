/* SPDX-License-Identifier: Apache-2.0 */
/* Each answer to a piece brings a new Location, which replaces the one before, verbatim. */
#include "oci/registry/push.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "oci/registry/client.h"

enum { PIECE_TRIES = 5 };

static struct http_body piece_of(const struct push_blob *blob, uint64_t offset, uint64_t length)
{
    struct http_body body = {.bytes = NULL, .file = blob->file, .offset = offset, .length = length};

    if (blob->bytes) {
        body = (struct http_body){.bytes = (const char *)blob->bytes + offset, .length = length};
    }
    return body;
}

static int close_url(const char *location, const struct digest_name *digest,
                     char ret[REGISTRY_URL_MAX], struct fault *why)
{
    if (snprintf(ret, REGISTRY_URL_MAX, "%s%cdigest=%s", location,
                 strchr(location, '?') ? '&' : '?', digest->text) >= REGISTRY_URL_MAX) {
        return fault(why, FAULT_LIMIT, "the registry's upload address is longer than %d bytes",
                     REGISTRY_URL_MAX);
    }
    return 0;
}

static int put_whole(struct registry *registry, const struct push_blob *blob, const char *location,
                     struct fault *why)
{
    char url[REGISTRY_URL_MAX];
    struct registry_call call = {.method = "PUT",
                                 .path = url,
                                 .content_type = "application/octet-stream",
                                 .body = piece_of(blob, 0, blob->length)};
    struct http_answer answer;

    TRY(close_url(location, &blob->digest, url, why));
    TRY(registry_perform(registry, &call, &answer, why));
    if (answer.status != 201 && answer.status != 204) {
        return fault(why, FAULT_INVALID, "the registry answers %ld to a whole blob", answer.status);
    }
    return 0;
}

/* "0-LAST", with or without "bytes=" in front. Return: how many bytes the registry has. */
static bool range_read(const char *range, uint64_t *ret)
{
    const char *dash = strrchr(range, '-');
    uint64_t last = 0;

    if (!dash || !text_to_u64(text_of(dash + 1), 0, UINT64_MAX - 1, &last)) {
        return false;
    }
    *ret = last + 1;
    return true;
}

struct upload {
    char location[REGISTRY_URL_MAX];
    uint64_t offset;
    uint64_t furthest; /* of all offsets so far: only beyond it is progress */
    unsigned tries;    /* since the last progress */
};

/* Ask how far an upload has come. */
static int upload_ask(struct registry *registry, struct upload *upload, struct fault *why)
{
    struct registry_call call = {.method = "GET", .path = upload->location};
    struct http_answer answer;
    uint64_t have = 0;

    TRY(registry_perform(registry, &call, &answer, why));
    if (answer.status != 204 && answer.status != 200 && answer.status != 202) {
        return fault(why, FAULT_UNAVAILABLE, "the registry has lost the upload (%ld)",
                     answer.status);
    }
    if (answer.location[0] != '\0') {
        (void)snprintf(upload->location, sizeof(upload->location), "%s", answer.location);
    }
    /* A Range of "0-0" is what some registries say of an empty upload. */
    upload->offset = range_read(answer.range, &have) && have > 1 ? have : 0;
    return 0;
}

/* A registry that takes pieces and forgets them again gets no more tries for that. */
static void upload_advance(struct upload *upload)
{
    if (upload->offset > upload->furthest) {
        upload->furthest = upload->offset;
        upload->tries = 0;
    }
}

static int patch_call(struct registry *registry, const struct registry_call *call,
                      struct http_answer *answer, struct fault *why)
{
    TRY(registry_perform(registry, call, answer, why));
    return answer->status == 202 ? 0
                                 : fault(why, FAULT_UNAVAILABLE, "the registry answers %ld",
                                         answer->status);
}

static int patch_piece(struct registry *registry, const struct push_blob *blob, uint64_t size,
                       struct upload *upload, struct fault *why)
{
    uint64_t left = blob->length - upload->offset;
    uint64_t length = left < size ? left : size;
    char range[96];
    struct registry_call call = {.method = "PATCH",
                                 .path = upload->location,
                                 .content_type = "application/octet-stream",
                                 .range = range,
                                 .body = piece_of(blob, upload->offset, length),
                                 .once = true};
    struct http_answer answer;

    (void)snprintf(range, sizeof(range), "Content-Range: %llu-%llu",
                   (unsigned long long)upload->offset,
                   (unsigned long long)(upload->offset + length - 1));
    if (patch_call(registry, &call, &answer, why) < 0) {
        if (++upload->tries >= PIECE_TRIES || why->kind == FAULT_DENIED) {
            return fault_while(why, "send a blob in pieces, byte %llu",
                               (unsigned long long)upload->offset);
        }
        return upload_ask(registry, upload, why);
    }
    upload->offset += length;
    upload_advance(upload);
    if (answer.location[0] != '\0') {
        (void)snprintf(upload->location, sizeof(upload->location), "%s", answer.location);
    }
    return 0;
}

static int put_pieces(struct registry *registry, const struct push_blob *blob, uint64_t size,
                      const char *location, struct fault *why)
{
    struct push_blob end = {.digest = blob->digest, .bytes = "", .length = 0};
    struct upload upload = {.offset = 0};

    (void)snprintf(upload.location, sizeof(upload.location), "%s", location);
    while (upload.offset < blob->length) {
        TRY(patch_piece(registry, blob, size, &upload, why));
        if (upload.offset > blob->length) {
            return fault(why, FAULT_INVALID, "the registry has %llu bytes of a blob of %llu",
                         (unsigned long long)upload.offset, (unsigned long long)blob->length);
        }
    }
    return put_whole(registry, &end, upload.location, why);
}

static int blob_is_there(struct registry *registry, const struct push_blob *blob, bool *ret,
                         struct fault *why)
{
    char path[DIGEST_NAME_ROOM + 16];
    struct registry_call call = {.method = "HEAD", .path = path};
    struct http_answer answer;

    (void)snprintf(path, sizeof(path), "blobs/%s", blob->digest.text);
    TRY(registry_perform(registry, &call, &answer, why));
    *ret = answer.status == 200;
    return 0;
}

int push_blob(struct registry *registry, const struct push_blob *blob, struct fault *why)
{
    struct registry_call start = {.method = "POST", .path = "blobs/uploads/"};
    uint64_t size = blob->chunk != 0 ? blob->chunk : PUSH_CHUNK_BYTES;
    uint64_t whole = blob->chunk != 0 ? blob->chunk : PUSH_CHUNK_ABOVE;
    struct http_answer answer;
    bool there = false;

    TRY(blob_is_there(registry, blob, &there, why));
    if (there) {
        return PUSH_WAS_THERE;
    }
    TRY(registry_perform(registry, &start, &answer, why));
    if (answer.status != 202 || answer.location[0] == '\0') {
        return fault(why, FAULT_INVALID, "the registry answers %ld to the start of an upload",
                     answer.status);
    }
    TRY(blob->length > whole ? put_pieces(registry, blob, size, answer.location, why)
                             : put_whole(registry, blob, answer.location, why));
    return PUSH_SENT;
}

int push_manifest(struct registry *registry, const char *target, const char *media_type,
                  struct text bytes, struct fault *why)
{
    char path[DIGEST_NAME_ROOM + 16];
    struct registry_call call = {.method = "PUT",
                                 .path = path,
                                 .content_type = media_type,
                                 .body = {.bytes = bytes.at, .length = bytes.length}};
    struct digest_name ours;
    struct http_answer answer;

    digest_name_of(bytes.at, bytes.length, &ours);
    (void)snprintf(path, sizeof(path), "manifests/%s", target);
    TRY(registry_perform(registry, &call, &answer, why));
    if (answer.status != 201) {
        return fault(why, FAULT_INVALID, "the registry answers %ld to the manifest", answer.status);
    }
    if (answer.digest[0] != '\0' && strcmp(answer.digest, ours.text) != 0) {
        return fault(why, FAULT_INVALID, "the registry says that the manifest is %.80s, not %s",
                     answer.digest, ours.text);
    }
    return 0;
}
