/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf-c allocates through a table of functions; ours counts down what a message may still
 * take. It hands out plain malloc() memory, so that a message can be freed without the counter.
 */
#include "shim/ttrpc/message.h"

#include <assert.h>

#include "base/fault.h"

struct budget {
    size_t left;
    bool spent;
};

static void *budget_allocate(void *data, size_t size)
{
    struct budget *budget = data;
    void *memory = NULL;

    if (size <= budget->left) {
        memory = malloc(size > 0 ? size : 1);
    }
    if (!memory) {
        budget->spent = true;
        return NULL;
    }
    budget->left -= size;
    return memory;
}

static void budget_release(void *data, void *memory)
{
    (void)data;
    free(memory);
}

int message_unpack(const ProtobufCMessageDescriptor *type, struct text bytes,
                   own ProtobufCMessage **ret, struct fault *why)
{
    struct budget budget = {.left = MESSAGE_MEMORY_MAX};
    ProtobufCAllocator allocator = {budget_allocate, budget_release, &budget};
    ProtobufCMessage *message = NULL;

    message = protobuf_c_message_unpack(type, &allocator, bytes.length, (const uint8_t *)bytes.at);
    if (!message && budget.spent) {
        return fault(why, FAULT_LIMIT, "a message of type %s needs more than %d MiB of memory",
                     type->name, MESSAGE_MEMORY_MAX / 1024 / 1024);
    }
    if (!message) {
        return fault(why, FAULT_INTERNAL, "%zu bytes are no message of type %s", bytes.length,
                     type->name);
    }
    *ret = message;
    return 0;
}

ProtobufCMessage *message_free(own ProtobufCMessage *message)
{
    protobuf_c_message_free_unpacked(message, NULL);
    return NULL;
}

void message_pack(const ProtobufCMessage *message, struct buf *ret)
{
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *at = NULL;

    if (length == 0) {
        return;
    }
    at = buf_reserve(ret, length);
    if (at) {
        ret->length += protobuf_c_message_pack(message, at);
    }
}
