/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list under one mutex, emptied whole by the loop. No callback runs under the lock. Endings are
 * as many as there are tasks, which the supervisor bounds; log lines are bounded here.
 */
#include "runtime/worker/mailbox.h"

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/loop.h"

struct letter {
    STAILQ_ENTRY(letter) next;
    bool is_ending;
    uint64_t task;
    struct engine_exit end;
    enum engine_log_level level;
    char text[MAILBOX_LINE_MAX + 1];
};

STAILQ_HEAD(letters, letter);

struct mailbox {
    pthread_mutex_t lock; /* guards letters, lines and dropped */
    struct letters letters;
    unsigned lines;
    unsigned long dropped;
    struct loop_waker *waker;
    struct mailbox_events events;
    void *owner;
};

static void deliver(void *owner);

own struct mailbox *mailbox_new(struct loop *loop, const struct mailbox_events *events, void *owner)
{
    struct mailbox *mailbox = NEW(struct mailbox);

    (void)pthread_mutex_init(&mailbox->lock, NULL);
    STAILQ_INIT(&mailbox->letters);
    mailbox->events = *events;
    mailbox->owner = owner;
    mailbox->waker = loop_waker_new(loop, deliver, mailbox);
    return mailbox;
}

static void letters_free(struct letters *letters)
{
    struct letter *letter = NULL;
    struct letter *next = NULL;

    STAILQ_FOREACH_SAFE(letter, letters, next, next)
    {
        free(letter);
    }
    STAILQ_INIT(letters);
}

struct mailbox *mailbox_free(own struct mailbox *mailbox)
{
    if (mailbox) {
        mailbox->waker = loop_waker_free(mailbox->waker);
        letters_free(&mailbox->letters);
        (void)pthread_mutex_destroy(&mailbox->lock);
        free(mailbox);
    }
    return NULL;
}

static void say_dropped(struct mailbox *mailbox, unsigned long dropped)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%lu log lines were dropped", dropped);
    mailbox->events.on_log(mailbox->owner, ENGINE_LOG_WARN, text);
}

static void deliver(void *owner)
{
    struct mailbox *mailbox = (struct mailbox *)owner;
    struct letters mine = STAILQ_HEAD_INITIALIZER(mine);
    struct letter *letter = NULL;
    unsigned long dropped;

    (void)pthread_mutex_lock(&mailbox->lock);
    STAILQ_CONCAT(&mine, &mailbox->letters);
    dropped = mailbox->dropped;
    mailbox->dropped = 0;
    mailbox->lines = 0;
    (void)pthread_mutex_unlock(&mailbox->lock);

    STAILQ_FOREACH(letter, &mine, next)
    {
        if (letter->is_ending) {
            mailbox->events.on_ending(mailbox->owner, letter->task, &letter->end);
        } else {
            mailbox->events.on_log(mailbox->owner, letter->level, letter->text);
        }
    }
    letters_free(&mine);
    if (dropped > 0) {
        say_dropped(mailbox, dropped);
    }
}

void mailbox_put_ending(struct mailbox *mailbox, uint64_t task, const struct engine_exit *end)
{
    struct letter *letter = NEW(struct letter);

    letter->is_ending = true;
    letter->task = task;
    letter->end = *end;
    (void)pthread_mutex_lock(&mailbox->lock);
    STAILQ_INSERT_TAIL(&mailbox->letters, letter, next);
    (void)pthread_mutex_unlock(&mailbox->lock);
    loop_wake(mailbox->waker);
}

void mailbox_put_log(struct mailbox *mailbox, enum engine_log_level level, const char *text)
{
    struct letter *letter = NEW(struct letter);
    bool dropped;

    letter->level = level;
    (void)snprintf(letter->text, sizeof(letter->text), "%s", text);
    (void)pthread_mutex_lock(&mailbox->lock);
    dropped = mailbox->lines >= MAILBOX_LOG_MAX;
    if (dropped) {
        mailbox->dropped++;
    } else {
        mailbox->lines++;
        STAILQ_INSERT_TAIL(&mailbox->letters, letter, next);
    }
    (void)pthread_mutex_unlock(&mailbox->lock);
    if (dropped) {
        free(letter);
    } else {
        loop_wake(mailbox->waker);
    }
}
