/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call blocks its thread: it has a completion queue of its own, sends one request, and plucks
 * answers until there are no more, then the status. A method with one answer is a stream of one.
 */
#include "oci/images/call.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <string.h>

#include "base/fault.h"
#include "base/fd.h"

enum {
    MESSAGE_MAX = 16 * 1024 * 1024, /* containerd's own limit */
    CALL_SECONDS = 8,               /* whoever asked gives up after 10 */
};

struct channel {
    grpc_channel *grpc;
};

int channel_open(int connection, own struct channel **ret, struct fault *why)
{
    grpc_channel_credentials *plain = NULL;
    grpc_arg settings[] = {
        {.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
         .value.integer = MESSAGE_MAX},
        {.type = GRPC_ARG_STRING, .key = (char *)(uintptr_t)GRPC_ARG_DEFAULT_AUTHORITY,
         .value.string = (char *)(uintptr_t)"localhost"},
    };
    const grpc_channel_args options = {.num_args = ARRAY_SIZE(settings), .args = settings};
    int socket = fd_duplicate(connection);

    if (socket < 0) {
        return fault_sys(why, socket, "keep the connection to containerd");
    }
    *ret = NEW(struct channel);
    grpc_init();
    plain = grpc_insecure_credentials_create();
    (*ret)->grpc = grpc_channel_create_from_fd("unix:containerd", socket, plain, &options);
    grpc_channel_credentials_release(plain);
    return 0;
}

struct channel *channel_free(own struct channel *channel)
{
    if (channel) {
        grpc_channel_destroy(channel->grpc);
        grpc_shutdown_blocking();
        free(channel);
    }
    return NULL;
}

/* google.rpc.Code, where containerd uses them (its pkg errdefs). */
static enum fault_kind kind_of(grpc_status_code status)
{
    for (int kind = FAULT_NONE + 1; kind < FAULT_KINDS; kind++) {
        if (fault_grpc((enum fault_kind)kind) == (int)status) {
            return (enum fault_kind)kind;
        }
    }
    return FAULT_INTERNAL;
}

/* One call that is under way. */
struct call {
    grpc_completion_queue *queue;
    grpc_call *call;
    grpc_byte_buffer *request;
    grpc_byte_buffer *answer;
    grpc_metadata_array head;
    grpc_metadata_array tail;
    grpc_slice details;
    grpc_status_code status;
};

/* Runs a batch of operations to its end. */
static bool call_batch(struct call *call, const grpc_op *ops, size_t count)
{
    if (grpc_call_start_batch(call->call, ops, count, call, NULL) != GRPC_CALL_OK) {
        return false;
    }
    return grpc_completion_queue_pluck(call->queue, call, gpr_inf_future(GPR_CLOCK_REALTIME),
                                       NULL).type == GRPC_OP_COMPLETE;
}

static bool call_send(struct call *call, const char *space)
{
    grpc_metadata header = {.key = grpc_slice_from_static_string("containerd-namespace"),
                            .value = grpc_slice_from_copied_string(space)};
    grpc_op ops[4];
    bool sent;

    memset(ops, 0, sizeof(ops));
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].data.send_initial_metadata.metadata = &header;
    ops[0].data.send_initial_metadata.count = 1;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = call->request;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &call->head;
    sent = call_batch(call, ops, ARRAY_SIZE(ops));
    grpc_slice_unref(header.value);
    return sent;
}

/* Return: false when there are no more answers. */
static bool call_receive(struct call *call)
{
    grpc_op op;

    memset(&op, 0, sizeof(op));
    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = &call->answer;
    return call_batch(call, &op, 1) && call->answer;
}

static void call_finish(struct call *call)
{
    grpc_op op;

    memset(&op, 0, sizeof(op));
    op.op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    op.data.recv_status_on_client.trailing_metadata = &call->tail;
    op.data.recv_status_on_client.status = &call->status;
    op.data.recv_status_on_client.status_details = &call->details;
    if (!call_batch(call, &op, 1)) {
        call->status = GRPC_STATUS_INTERNAL;
    }
}

static int call_answer(struct call *call, answer_fn *fn, void *owner, struct fault *why)
{
    grpc_byte_buffer_reader reader;
    grpc_slice whole;
    int done;

    if (grpc_byte_buffer_reader_init(&reader, call->answer) == 0) {
        return fault(why, FAULT_INTERNAL, "containerd's answer cannot be unpacked");
    }
    whole = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(call->answer);
    call->answer = NULL;
    done = fn(owner, GRPC_SLICE_START_PTR(whole), GRPC_SLICE_LENGTH(whole), why);
    grpc_slice_unref(whole);
    return done;
}

static int call_status(const struct call *call, struct fault *why)
{
    size_t length = GRPC_SLICE_LENGTH(call->details);

    if (call->status == GRPC_STATUS_OK) {
        return 0;
    }
    return fault(why, kind_of(call->status), "containerd says: %.*s",
                 length > 300 ? 300 : (int)length,
                 (const char *)GRPC_SLICE_START_PTR(call->details));
}

static int call_run(struct call *call, const char *space, answer_fn *fn, void *owner,
                    struct fault *why)
{
    int done = 0;

    if (!call_send(call, space)) {
        return fault(why, FAULT_INTERNAL, "gRPC does not take the call");
    }
    while (done == 0 && call_receive(call)) {
        done = call_answer(call, fn, owner, why);
    }
    if (done < 0) {
        (void)grpc_call_cancel(call->call, NULL);
    }
    call_finish(call);
    return done < 0 ? done : call_status(call, why);
}

int channel_call(struct channel *channel, const struct question *question, answer_fn *fn,
                 void *owner, struct fault *why)
{
    grpc_slice body = grpc_slice_from_copied_buffer((const char *)question->packed,
                                                    question->length);
    struct call call = {.details = grpc_empty_slice()};
    int done;

    call.request = grpc_raw_byte_buffer_create(&body, 1);
    call.queue = grpc_completion_queue_create_for_pluck(NULL);
    call.call = grpc_channel_create_call(
        channel->grpc, NULL, 0, call.queue, grpc_slice_from_static_string(question->method), NULL,
        gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_seconds(CALL_SECONDS,
                                                                        GPR_TIMESPAN)), NULL);
    grpc_metadata_array_init(&call.head);
    grpc_metadata_array_init(&call.tail);
    done = call_run(&call, question->space, fn, owner, why);
    grpc_metadata_array_destroy(&call.head);
    grpc_metadata_array_destroy(&call.tail);
    grpc_slice_unref(call.details);
    grpc_byte_buffer_destroy(call.request);
    grpc_slice_unref(body);
    grpc_call_unref(call.call);
    grpc_completion_queue_shutdown(call.queue);
    grpc_completion_queue_destroy(call.queue);
    return done;
}
