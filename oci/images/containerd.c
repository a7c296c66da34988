/* SPDX-License-Identifier: Apache-2.0 */
/* Each question is a message packed by protobuf-c, and a function that takes what is read of the
 * answer. Blobs are opened as files where we may, because a stream copies every byte five times. */
#include "oci/images/containerd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/text.h"
#include "oci/images/call.h"
#include "oci/images/containerd.pb-c.h"

enum { PACKED_MAX = 8192 };

struct containerd {
    struct channel *channel;
    int root;
};

int containerd_open(int connection, int root, own struct containerd **ret, struct fault *why)
{
    AUTO(containerd_free) struct containerd *client = NEW(struct containerd);

    client->root = root < 0 ? -1 : fd_duplicate(root);
    TRY(channel_open(connection, &client->channel, why));
    *ret = TAKE(client);
    return 0;
}

struct containerd *containerd_free(own struct containerd *client)
{
    if (client) {
        (void)channel_free(client->channel);
        (void)fd_close(client->root);
        free(client);
    }
    return NULL;
}

struct request {
    const char *space;
    const char *method;
    const ProtobufCMessage *message;
};

static int ask(void *owner, const struct request *request, answer_fn *fn, void *fn_owner,
               struct fault *why)
{
    const struct containerd *client = (const struct containerd *)owner;
    uint8_t packed[PACKED_MAX];
    struct question question = {request->space, request->method, packed, 0};

    if (protobuf_c_message_get_packed_size(request->message) > sizeof(packed)) {
        return fault(why, FAULT_LIMIT, "a question to containerd has at most %d bytes", PACKED_MAX);
    }
    question.length = protobuf_c_message_pack(request->message, packed);
    return channel_call(client->channel, &question, fn, fn_owner, why);
}

static int cannot_unpack(struct fault *why)
{
    return fault(why, FAULT_INTERNAL, "containerd's answer cannot be unpacked");
}

static int take_container(void *owner, const uint8_t *bytes, size_t length, struct fault *why)
{
    char *ret = (char *)owner;
    Asked__GetContainerResponse *answer =
        asked__get_container_response__unpack(NULL, length, bytes);
    bool fits = answer && answer->container &&
                strlen(answer->container->image) <= STORE_IMAGE_NAME_MAX;

    if (fits) {
        memcpy(ret, answer->container->image, strlen(answer->container->image) + 1);
    }
    asked__get_container_response__free_unpacked(answer, NULL);
    return fits ? 0 : cannot_unpack(why);
}

static int find_container(void *owner, const char *space, const char *id,
                          char ret[STORE_IMAGE_NAME_MAX + 1], struct fault *why)
{
    Asked__GetContainerRequest message;
    const struct request request = {space, "/containerd.services.containers.v1.Containers/Get",
                                    &message.base};

    asked__get_container_request__init(&message);
    message.id = (char *)(uintptr_t)id;
    ret[0] = '\0';
    return ask(owner, &request, take_container, ret, why);
}

static int take_image(void *owner, const uint8_t *bytes, size_t length, struct fault *why)
{
    struct store_target *ret = (struct store_target *)owner;
    Asked__GetImageResponse *answer = asked__get_image_response__unpack(NULL, length, bytes);
    Asked__Descriptor *target = answer && answer->image ? answer->image->target : NULL;
    int done = -1;

    if (!target || strlen(target->media_type) > MEDIA_TYPE_MAX || target->size < 0) {
        done = cannot_unpack(why);
    } else {
        done = digest_name_parse(text_of(target->digest), &ret->digest, why);
        memcpy(ret->media_type, target->media_type, strlen(target->media_type) + 1);
        ret->size = (uint64_t)target->size;
    }
    asked__get_image_response__free_unpacked(answer, NULL);
    return done;
}

static int find_image(void *owner, const char *space, const char *name, struct store_target *ret,
                      struct fault *why)
{
    Asked__GetImageRequest message;
    const struct request request = {space, "/containerd.services.images.v1.Images/Get",
                                    &message.base};

    asked__get_image_request__init(&message);
    message.name = (char *)(uintptr_t)name;
    return ask(owner, &request, take_image, ret, why);
}

static int open_blob(void *owner, const struct digest_name *digest)
{
    const struct containerd *client = (const struct containerd *)owner;
    char name[DIGEST_NAME_ROOM + 8];
    int fd;

    (void)snprintf(name, sizeof(name), "blobs/%.6s/%s", digest->text, digest_name_hex(digest));
    fd = client->root < 0 ? -1 : fs_open_beneath(client->root, name, O_RDONLY | O_NOCTTY, 0);
    return fd < 0 ? -1 : fd;
}

struct pipe_end {
    store_sink_fn *sink;
    void *owner;
};

static int take_piece(void *owner, const uint8_t *bytes, size_t length, struct fault *why)
{
    const struct pipe_end *end = (const struct pipe_end *)owner;
    Asked__ReadContentResponse *answer = asked__read_content_response__unpack(NULL, length, bytes);
    int done = -1;

    if (!answer) {
        return cannot_unpack(why);
    }
    done = end->sink(end->owner, answer->data.data, answer->data.len, why);
    asked__read_content_response__free_unpacked(answer, NULL);
    return done;
}

static int read_blob(void *owner, const char *space, const struct digest_name *digest,
                     store_sink_fn *sink, void *sink_owner, struct fault *why)
{
    Asked__ReadContentRequest message;
    const struct request request = {space, "/containerd.services.content.v1.Content/Read",
                                    &message.base};
    struct pipe_end end = {sink, sink_owner};

    asked__read_content_request__init(&message);
    message.digest = (char *)(uintptr_t)digest->text;
    return ask(owner, &request, take_piece, &end, why);
}

struct store containerd_store(struct containerd *client)
{
    return (struct store){.owner = client,
                          .find_container = find_container,
                          .find_image = find_image,
                          .open_blob = open_blob,
                          .read_blob = read_blob};
}

static int take_root(void *owner, const uint8_t *bytes, size_t length, struct fault *why)
{
    char *ret = (char *)owner;
    Asked__PluginsResponse *answer = asked__plugins_response__unpack(NULL, length, bytes);

    if (!answer) {
        return cannot_unpack(why);
    }
    for (size_t i = 0; i < answer->n_plugins; i++) {
        const Asked__Plugin *plugin = answer->plugins[i];

        for (size_t at = 0; at < plugin->n_exports; at++) {
            const Asked__Pair *pair = plugin->exports[at];

            if (strcmp(plugin->type, "io.containerd.content.v1") == 0 &&
                strcmp(pair->key, "root") == 0 && pair->value[0] == '/' &&
                strlen(pair->value) < 4096) {
                memcpy(ret, pair->value, strlen(pair->value) + 1);
            }
        }
    }
    asked__plugins_response__free_unpacked(answer, NULL);
    return 0;
}

int containerd_content_root(struct containerd *client, char ret[4096], struct fault *why)
{
    char *filter = (char *)(uintptr_t)"type==io.containerd.content.v1";
    Asked__PluginsRequest message;
    const struct request request = {
        "default", "/containerd.services.introspection.v1.Introspection/Plugins", &message.base};

    asked__plugins_request__init(&message);
    message.filters = &filter;
    message.n_filters = 1;
    ret[0] = '\0';
    TRY(ask(client, &request, take_root, ret, why));
    if (ret[0] == '\0') {
        return fault(why, FAULT_NOT_FOUND, "containerd names no folder of its content store");
    }
    return 0;
}
