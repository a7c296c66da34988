/* SPDX-License-Identifier: Apache-2.0 */
/* Two channels on one loop, or one channel and a socket that the test plays. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/loop.h"
#include "runtime/wire/channel.h"

struct side {
    struct loop *loop;
    struct channel *channel;
    size_t messages;
    size_t wanted; /* stop the loop at so many messages */
    uint64_t last; /* of KILL */
    bool in_order;
    bool ended;
    bool free_at_once;
    bool take; /* keep the first descriptor */
    int taken;
    struct fault failed;
};

static void on_message(void *owner, const struct message *message, int *fds, size_t count)
{
    struct side *side = (struct side *)owner;

    side->messages++;
    if (message->kind == MESSAGE_KILL) {
        side->in_order = side->in_order && message->kill.task == side->last + 1;
        side->last = message->kill.task;
    }
    if (side->take && count > 0) {
        side->taken = TAKE_FD(fds[0]);
    }
    if (side->free_at_once) {
        side->channel = channel_free(side->channel);
    }
    if (side->messages == side->wanted) {
        loop_stop(side->loop);
    }
}

static void on_end(void *owner, const struct fault *failed)
{
    struct side *side = (struct side *)owner;

    side->ended = true;
    side->failed = failed ? *failed : (struct fault){0};
    side->channel = channel_free(side->channel);
    loop_stop(side->loop);
}

static const struct channel_events events = {.on_message = on_message, .on_end = on_end};

static void side_init(struct side *side, struct loop *loop, int socket,
                      enum message_direction receive)
{
    struct fault why = {0};

    *side = (struct side){.loop = loop, .taken = -1, .in_order = true};
    assert_int_equal(channel_new(loop, socket, receive, &events, side, &side->channel, &why), 0);
}

static void on_deadline(void *owner)
{
    (void)owner;
    fail_msg("nothing happened within 20 seconds");
}

/* Serves until a callback stops the loop. */
static void serve(struct loop *loop)
{
    struct loop_timer *deadline = loop_timer_new(loop, on_deadline, NULL);

    loop_timer_set(deadline, 20 * NS_PER_S);
    loop_run(loop);
    (void)loop_timer_free(deadline);
}

static struct loop *new_loop(void)
{
    struct loop *loop = NULL;
    struct fault why = {0};

    assert_int_equal(loop_new(&loop, &why), 0);
    return loop;
}

static void send_kill(struct channel *channel, uint64_t task)
{
    struct message message = {.kind = MESSAGE_KILL, .kill = {.task = task}};
    struct fault why = {0};

    assert_int_equal(channel_send(channel, &message, NULL, 0, &why), 0);
}

static void what_the_socket_does_not_take_waits_and_keeps_its_order(void **state)
{
    struct loop *loop = new_loop();
    struct side worker;
    struct side supervisor;
    int pair[2];

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    side_init(&supervisor, loop, pair[0], MESSAGE_UP);
    side_init(&worker, loop, pair[1], MESSAGE_DOWN);
    worker.wanted = 20000;
    for (uint64_t i = 1; i <= worker.wanted; i++) {
        send_kill(supervisor.channel, i);
    }
    assert_true(channel_waiting(supervisor.channel) > 1000);
    serve(loop);
    assert_true(worker.in_order);
    assert_int_equal(worker.last, worker.wanted);
    assert_int_equal(channel_waiting(supervisor.channel), 0);
    (void)channel_free(worker.channel);
    (void)channel_free(supervisor.channel);
    (void)loop_free(loop);
}

static void a_peer_that_does_not_read_meets_a_limit(void **state)
{
    struct loop *loop = new_loop();
    struct message message = {.kind = MESSAGE_KILL};
    struct side supervisor;
    struct fault why = {0};
    int pair[2];
    int result = 0;

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    side_init(&supervisor, loop, pair[0], MESSAGE_UP);
    for (size_t i = 0; i < 2 * (size_t)CHANNEL_QUEUE_MAX && result == 0; i++) {
        result = channel_send(supervisor.channel, &message, NULL, 0, &why);
    }
    assert_true(result < 0);
    assert_int_equal(why.kind, FAULT_LIMIT);
    assert_int_equal(channel_waiting(supervisor.channel), CHANNEL_QUEUE_MAX);
    (void)channel_free(supervisor.channel);
    (void)fd_close(pair[1]);
    (void)loop_free(loop);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void descriptors_arrive_and_what_nobody_takes_is_closed(void **state)
{
    struct loop *loop = new_loop();
    struct message message = {.kind = MESSAGE_START, .start = {.folders = 1}};
    struct side worker;
    struct side supervisor;
    struct fault why = {0};
    int pair[2];
    int pipes[2];
    char byte = 0;

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    side_init(&supervisor, loop, pair[0], MESSAGE_UP);
    side_init(&worker, loop, pair[1], MESSAGE_DOWN);
    worker.wanted = 1;
    worker.take = true;
    /* The write end is the second descriptor, which the worker does not take. */
    assert_int_equal(channel_send(supervisor.channel, &message, pipes, 2, &why), 0);
    assert_false(is_open(pipes[0]));
    assert_false(is_open(pipes[1]));
    serve(loop);
    assert_true(is_open(worker.taken));
    assert_int_equal(read(worker.taken, &byte, 1), 0);
    (void)fd_close(worker.taken);
    (void)channel_free(worker.channel);
    (void)channel_free(supervisor.channel);
    (void)loop_free(loop);
}

static void the_end_of_the_peer_is_told_once_and_is_no_failure(void **state)
{
    struct loop *loop = new_loop();
    struct side supervisor;
    int pair[2];

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    side_init(&supervisor, loop, pair[0], MESSAGE_UP);
    (void)fd_close(pair[1]);
    serve(loop);
    assert_true(supervisor.ended);
    assert_int_equal(supervisor.failed.kind, FAULT_NONE);
    assert_null(supervisor.channel);
    (void)loop_free(loop);
}

static void sending_to_a_peer_that_is_gone_ends_the_channel_later(void **state)
{
    struct loop *loop = new_loop();
    struct message message = {.kind = MESSAGE_KILL};
    struct side supervisor;
    struct fault why = {0};
    int pair[2];

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    side_init(&supervisor, loop, pair[0], MESSAGE_UP);
    (void)fd_close(pair[1]);
    assert_true(channel_send(supervisor.channel, &message, NULL, 0, &why) < 0);
    assert_false(supervisor.ended);
    assert_true(channel_send(supervisor.channel, &message, NULL, 0, &why) < 0);
    assert_int_equal(why.kind, FAULT_UNAVAILABLE);
    serve(loop);
    assert_true(supervisor.ended);
    assert_int_equal(supervisor.failed.kind, FAULT_NONE);
    (void)loop_free(loop);
}

static void the_last_words_of_a_peer_are_heard(void **state)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);
    struct message message = {.kind = MESSAGE_KILL};
    struct message last = {.kind = MESSAGE_EXITED};
    struct loop *loop = new_loop();
    struct side supervisor;
    struct fault why = {0};
    int pair[2];

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    side_init(&supervisor, loop, pair[0], MESSAGE_UP);
    assert_int_equal(channel_send(supervisor.channel, &message, NULL, 0, &why), 0);
    message_encode(&last, &bytes);
    assert_int_equal(fd_send(pair[1], bytes.data, bytes.length, NULL, 0), 0);
    (void)fd_close(pair[1]); /* KILL was not read */
    assert_true(channel_send(supervisor.channel, &message, NULL, 0, &why) < 0);
    serve(loop);
    assert_int_equal(supervisor.messages, 1);
    assert_true(supervisor.ended);
    assert_int_equal(supervisor.failed.kind, FAULT_NONE);
    (void)loop_free(loop);
}

static void garbage_ends_the_channel_with_a_sentence(void **state)
{
    struct loop *loop = new_loop();
    struct side supervisor;
    int pair[2];
    int extra[2];

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    assert_int_equal(pipe2(extra, O_CLOEXEC), 0);
    side_init(&supervisor, loop, pair[0], MESSAGE_UP);
    assert_int_equal(fd_send(pair[1], "\x05garbage", 8, extra, 2), 0);
    serve(loop);
    assert_true(supervisor.ended);
    assert_string_equal(supervisor.failed.text, "there is no message 5 in this direction");
    (void)fd_close(extra[1]);
    /* The channel closed its copies: the pipe is at its end. */
    assert_int_equal(read(extra[0], &(char){0}, 1), 0);
    (void)fd_close(extra[0]);
    (void)fd_close(pair[1]);
    (void)loop_free(loop);
}

static void a_packet_that_is_too_long_ends_the_channel(void **state)
{
    static const char zeros[MESSAGE_BYTES_MAX + 1];
    struct loop *loop = new_loop();
    struct side supervisor;
    int pair[2];

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    side_init(&supervisor, loop, pair[0], MESSAGE_UP);
    assert_int_equal(fd_send(pair[1], zeros, sizeof(zeros), NULL, 0), 0);
    serve(loop);
    assert_true(supervisor.ended);
    assert_true(supervisor.failed.kind != FAULT_NONE);
    (void)fd_close(pair[1]);
    (void)loop_free(loop);
}

static void a_callback_may_free_the_channel(void **state)
{
    struct loop *loop = new_loop();
    struct side worker;
    struct side supervisor;
    int pair[2];

    (void)state;
    assert_int_equal(fd_pair(pair), 0);
    side_init(&supervisor, loop, pair[0], MESSAGE_UP);
    side_init(&worker, loop, pair[1], MESSAGE_DOWN);
    worker.free_at_once = true;
    send_kill(supervisor.channel, 1);
    send_kill(supervisor.channel, 2);
    serve(loop); /* the supervisor sees the end */
    assert_int_equal(worker.messages, 1);
    assert_null(worker.channel);
    assert_true(supervisor.ended);
    (void)loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_socket_does_not_take_waits_and_keeps_its_order),
        cmocka_unit_test(a_peer_that_does_not_read_meets_a_limit),
        cmocka_unit_test(descriptors_arrive_and_what_nobody_takes_is_closed),
        cmocka_unit_test(the_end_of_the_peer_is_told_once_and_is_no_failure),
        cmocka_unit_test(sending_to_a_peer_that_is_gone_ends_the_channel_later),
        cmocka_unit_test(the_last_words_of_a_peer_are_heard),
        cmocka_unit_test(garbage_ends_the_channel_with_a_sentence),
        cmocka_unit_test(a_packet_that_is_too_long_ends_the_channel),
        cmocka_unit_test(a_callback_may_free_the_channel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
