/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question that fails because the connection to containerd is gone is not answered: the program
 * ends, the client starts it again and asks once more, over a new connection. A program that could
 * not connect at all says so to everybody, and ends soon after, for the same reason.
 */
#include "oci/images/desk.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "oci/images/blobs.h"
#include "oci/images/protocol.h"
#include "oci/images/resolve.h"

enum {
    IN_PROGRESS_MAX = 4096,
    KEEP_SECONDS = 60,   /* components are kept for, after the last question */
    BROKEN_LINGER_MS = 250,
};

struct desk {
    struct desk_plan plan;
    struct loop_io *questions;
    struct loop_io *hangup;
    struct loop_timer *idle;
    unsigned in_progress;
};

struct job {
    struct desk *desk;
    struct protocol_question question;
    struct protocol_answer answer;
    int file;
};

static void desk_end(struct desk *desk)
{
    desk->questions = loop_io_close(desk->questions);
    desk->hangup = loop_io_close(desk->hangup);
    loop_stop(desk->plan.loop);
}

static void idle_for_long(void *owner)
{
    struct desk *desk = (struct desk *)owner;

    if (!desk->plan.resolver) {
        desk_end(desk);
        return;
    }
    blobs_forget(desk->plan.blobs);
}

static void desk_rearm(struct desk *desk)
{
    loop_timer_set(desk->idle, desk->plan.resolver ? KEEP_SECONDS * NS_PER_S
                                                   : BROKEN_LINGER_MS * NS_PER_MS);
}

static void desk_send(struct desk *desk, const struct protocol_answer *answer)
{
    AUTO(buf_fini) struct buf packet = BUF(PROTOCOL_PACKET_MAX);
    bool with_wasm = protocol_has_wasm(answer);
    int sent;

    protocol_put_answer(&packet, answer);
    sent = packet.overflow ? -EMSGSIZE
                           : fd_send(desk->plan.socket, packet.data, packet.length,
                                     &answer->image.wasm, with_wasm ? 1 : 0);
    if (sent < 0) {
        log_error("answer lost", "err=%d", -sent);
        desk_end(desk);
    }
}

/* On a thread of the pool. */
static void job_work(void *owner)
{
    struct job *job = (struct job *)owner;
    const struct desk_plan *plan = &job->desk->plan;
    struct image *image = &job->answer.image;
    struct digest_name name;
    int done;

    if (!plan->resolver) {
        job->answer.fault = *plan->broken;
        return;
    }
    if (job->question.kind == PROTOCOL_FIND) {
        done = resolver_find(plan->resolver, job->question.space, job->question.container, image,
                             &job->answer.fault);
    } else {
        done = blobs_file(plan->blobs, job->file, &name, &image->wasm, &job->answer.fault);
        if (done == 0) {
            image->form = IMAGE_TAR;
            memcpy(image->component, name.text, sizeof(image->component));
        }
    }
    job->answer.kind = done < 0 ? PROTOCOL_FAILED : PROTOCOL_FOUND;
}

static bool is_lost(int connection)
{
    struct pollfd state = {.fd = connection, .events = POLLRDHUP};

    return connection >= 0 && poll(&state, 1, 0) > 0 &&
           (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void job_done(void *owner)
{
    struct job *job = (struct job *)owner;
    struct desk *desk = job->desk;

    desk->in_progress--;
    if (desk->questions) {
        if (job->answer.kind == PROTOCOL_FAILED && is_lost(desk->plan.connection)) {
            desk_end(desk);
        } else {
            desk_send(desk, &job->answer);
            desk_rearm(desk);
        }
    }
    (void)fd_close(job->answer.image.wasm);
    (void)fd_close(job->file);
    free(job);
}

static void desk_take(struct desk *desk, const struct protocol_question *question, int file)
{
    struct job *job = NEW(struct job);

    job->desk = desk;
    job->question = *question;
    job->file = file;
    job->answer.kind = PROTOCOL_FAILED;
    job->answer.id = question->id;
    job->answer.image.wasm = -1;
    if (desk->in_progress == IN_PROGRESS_MAX) {
        (void)fault(&job->answer.fault, FAULT_LIMIT, "at most %d images are looked up at once",
                    IN_PROGRESS_MAX);
        desk->in_progress++;
        job_done(job);
        return;
    }
    desk->in_progress++;
    loop_work(desk->plan.loop, job_work, job_done, job);
}

static void question_came(void *owner, unsigned events)
{
    struct desk *desk = (struct desk *)owner;
    uint8_t bytes[PROTOCOL_PACKET_MAX];
    struct protocol_question question;
    int file = -1;
    size_t files = 1;
    int got;

    (void)events;
    got = fd_receive(desk->plan.socket, bytes, sizeof(bytes), &file, &files);
    if (got <= 0) {
        if (got < 0) {
            log_error("question cannot be received", "err=%d", -got);
        }
        desk_end(desk);
        return;
    }
    if (!protocol_read_question(cursor_over(bytes, (size_t)got), &question) ||
        (files == 1) != (question.kind == PROTOCOL_HASH)) {
        log_error("packet is no question", "bytes=%d", got);
        (void)fd_close(files == 1 ? file : -1);
        desk_end(desk);
        return;
    }
    desk_take(desk, &question, files == 1 ? file : -1);
}

static void connection_lost(void *owner, unsigned events)
{
    (void)events;
    log_info("connection lost", "peer=containerd");
    desk_end((struct desk *)owner);
}

int desk_new(const struct desk_plan *plan, own struct desk **ret, struct fault *why)
{
    AUTO(desk_free) struct desk *desk = NEW(struct desk);

    desk->plan = *plan;
    desk->idle = loop_timer_new(plan->loop, idle_for_long, desk);
    desk->questions = loop_watch(plan->loop, plan->socket, LOOP_READ, question_came, desk);
    if (!desk->questions) {
        return fault(why, FAULT_INVALID, "descriptor %d is no socket", plan->socket);
    }
    if (plan->connection >= 0) {
        desk->hangup = loop_watch(plan->loop, plan->connection, LOOP_HANGUP, connection_lost, desk);
    }
    desk_rearm(desk);
    *ret = TAKE(desk);
    return 0;
}

struct desk *desk_free(own struct desk *desk)
{
    if (desk) {
        (void)loop_io_close(desk->questions);
        (void)loop_io_close(desk->hangup);
        (void)loop_timer_free(desk->idle);
        free(desk);
    }
    return NULL;
}
