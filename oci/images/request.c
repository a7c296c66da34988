/* SPDX-License-Identifier: Apache-2.0 */
/* Every loop that tells somebody begins anew after it: the lists may be others then. */
#include "oci/images/request.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"

void requests_init(struct requests *requests, struct loop *loop,
                   void (*on_late)(void *owner, struct image_request *request), void *owner)
{
    *requests = (struct requests){.loop = loop, .on_late = on_late, .owner = owner};
    TAILQ_INIT(&requests->waiting);
    TAILQ_INIT(&requests->sent);
}

void requests_close(struct requests *requests)
{
    TAILQ_CONCAT(&requests->waiting, &requests->sent, link);
    while (!TAILQ_EMPTY(&requests->waiting)) {
        TAILQ_FIRST(&requests->waiting)->sent = false;
        request_remove(TAILQ_FIRST(&requests->waiting));
    }
    requests->closed = true;
}

static void deadline_passed(void *owner)
{
    struct image_request *request = (struct image_request *)owner;

    request->list->on_late(request->list->owner, request);
}

struct image_request *request_new(struct requests *requests, enum protocol_kind kind,
                                  image_fn *fn, void *owner)
{
    struct image_request *request = NEW(struct image_request);

    request->list = requests;
    request->question.kind = kind;
    request->question.id = ++requests->last_id;
    request->fn = fn;
    request->owner = owner;
    request->file = -1;
    request->deadline = loop_timer_new(requests->loop, deadline_passed, request);
    loop_timer_set(request->deadline, REQUEST_SECONDS * NS_PER_S);
    TAILQ_INSERT_TAIL(&requests->waiting, request, link);
    return request;
}

void request_remove(struct image_request *request)
{
    struct requests *requests = request->list;

    if (request->sent) {
        TAILQ_REMOVE(&requests->sent, request, link);
    } else {
        TAILQ_REMOVE(&requests->waiting, request, link);
    }
    requests->suspects -= request->suspect ? 1U : 0U;
    (void)loop_timer_free(request->deadline);
    (void)fd_close(request->file);
    free(request);
}

void request_end(struct image_request *request, struct image *image, const struct fault *failed)
{
    image_fn *fn = request->fn;
    void *owner = request->owner;

    request_remove(request);
    fn(owner, image, failed);
}

/* Answers come nearly in the order of the questions, so the search is short. */
struct image_request *requests_find(struct requests *requests, uint32_t id)
{
    struct image_request *request = NULL;

    TAILQ_FOREACH (request, &requests->sent, link) {
        if (request->question.id == id) {
            return request;
        }
    }
    return NULL;
}

void requests_fail_all(struct requests *requests, const struct fault *why)
{
    while (!requests->closed && !TAILQ_EMPTY(&requests->waiting)) {
        request_end(TAILQ_FIRST(&requests->waiting), NULL, why);
    }
}

static void suspect_held(struct requests *requests)
{
    struct image_request *request = NULL;

    TAILQ_FOREACH (request, &requests->sent, link) {
        request->sent = false;
        requests->suspects += request->suspect ? 0U : 1U;
        request->suspect = true;
    }
    TAILQ_CONCAT(&requests->sent, &requests->waiting, link);
    TAILQ_CONCAT(&requests->waiting, &requests->sent, link);
}

void requests_settle(struct requests *requests, const struct fault *why)
{
    struct image_request *request = NULL;

    suspect_held(requests);
    request = TAILQ_FIRST(&requests->waiting);
    while (request && !requests->closed) {
        struct image_request *next = TAILQ_NEXT(request, link);

        if (request->tries >= REQUEST_TRIES) {
            request_end(request, NULL, why);
            next = TAILQ_FIRST(&requests->waiting);
        }
        request = next;
    }
}

struct image_request *requests_next(struct requests *requests)
{
    struct image_request *request = TAILQ_FIRST(&requests->waiting);

    while (!requests->closed && request && request->refused.kind != FAULT_NONE) {
        struct fault refused = request->refused;

        request_end(request, NULL, &refused);
        request = TAILQ_FIRST(&requests->waiting);
    }
    return requests->suspects > 0 && !TAILQ_EMPTY(&requests->sent) ? NULL : request;
}

void request_was_sent(struct image_request *request)
{
    struct requests *requests = request->list;

    TAILQ_REMOVE(&requests->waiting, request, link);
    TAILQ_INSERT_TAIL(&requests->sent, request, link);
    request->sent = true;
    request->tries++;
}
