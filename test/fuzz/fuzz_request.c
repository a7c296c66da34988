/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages off any bytes, as the server unpacks them: the envelope, then its payload as each message
 * that a client may send. What was understood is packed and understood again the same.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/fault.h"
#include "shim/proto/bootstrap.pb-c.h"
#include "shim/proto/event.pb-c.h"
#include "shim/proto/runtime.pb-c.h"
#include "shim/proto/sandbox.pb-c.h"
#include "shim/proto/task.pb-c.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/ttrpc/message.h"
#include "shim/ttrpc/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const types[] = {
    &task__state_request__descriptor,
    &task__create_task_request__descriptor,
    &task__exec_process_request__descriptor,
    &task__kill_request__descriptor,
    &task__update_task_request__descriptor,
    &sandbox__create_sandbox_request__descriptor,
    &event__forward_request__descriptor,
    &bootstrap__bootstrap_params__descriptor,
    &runtime__options__descriptor,
};

static void understand(const ProtobufCMessageDescriptor *type, struct text bytes)
{
    ProtobufCMessage *first = NULL;
    ProtobufCMessage *second = NULL;
    struct buf once = BUF(2 * MESSAGE_MEMORY_MAX);
    struct buf twice = BUF(2 * MESSAGE_MEMORY_MAX);
    struct fault why = {0};

    if (message_unpack(type, bytes, &first, &why) < 0) {
        assert(why.kind == FAULT_INTERNAL || why.kind == FAULT_LIMIT);
        return;
    }
    message_pack(first, &once);
    if (message_unpack(type, (struct text){(const char *)once.data, once.length}, &second, &why) ==
        0) {
        message_pack(second, &twice);
        assert(once.length == twice.length && (once.length == 0 ||
               memcmp(once.data, twice.data, once.length) == 0));
    }
    buf_fini(&once);
    buf_fini(&twice);
    (void)message_free(first);
    (void)message_free(second);
}

static void answer_status(const char *message, int32_t code)
{
    char text[STATUS_TEXT_MAX];
    struct fault why = {0};

    status_fault(code, message, &why);
    assert(why.kind != FAULT_NONE && why.text[0] != '\0');
    status_text(&why, text);
    assert(strlen(text) < sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text bytes = {(const char *)data, size};
    ProtobufCMessage *message = NULL;
    struct fault why = {0};

    understand(&ttrpc__request__descriptor, bytes);
    understand(&ttrpc__response__descriptor, bytes);
    if (message_unpack(&ttrpc__request__descriptor, bytes, &message, &why) == 0) {
        Ttrpc__Request *request = (Ttrpc__Request *)(void *)message;
        struct text payload = {(const char *)request->payload.data, request->payload.len};

        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
            understand(types[i], payload);
        }
        answer_status(request->method, (int32_t)request->timeout_nano);
    }
    (void)message_free(message);
    return 0;
}
