/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/loop.h"
#include "runtime/worker/mailbox.h"

enum { THREADS = 8, ENDINGS = 5000 };

struct office {
    struct loop *loop;
    struct mailbox *mailbox;
    size_t endings;
    size_t wanted; /* stop the loop at so many endings */
    int last[THREADS];
    bool in_order;
    size_t lines;
    char line[MAILBOX_LINE_MAX + 1];
};

static void on_ending(void *owner, uint64_t task, const struct engine_exit *end)
{
    struct office *office = (struct office *)owner;

    office->in_order = office->in_order && end->code == office->last[task] + 1;
    office->last[task] = end->code;
    if (++office->endings == office->wanted) {
        loop_stop(office->loop);
    }
}

static void on_log(void *owner, enum engine_log_level level, const char *text)
{
    struct office *office = (struct office *)owner;

    assert_int_equal(level, ENGINE_LOG_WARN);
    office->lines++;
    (void)snprintf(office->line, sizeof(office->line), "%s", text);
}

struct sender {
    struct mailbox *mailbox;
    uint64_t task;
};

static void *send_endings(void *owner)
{
    const struct sender *sender = (const struct sender *)owner;

    for (int i = 1; i <= ENDINGS; i++) {
        struct engine_exit end = {.how = ENGINE_EXITED, .code = i};

        mailbox_put_ending(sender->mailbox, sender->task, &end);
    }
    return NULL;
}

static void office_init(struct office *office)
{
    static const struct mailbox_events events = {on_ending, on_log};
    struct fault why = {0};

    *office = (struct office){.in_order = true};
    assert_int_equal(loop_new(&office->loop, &why), 0);
    office->mailbox = mailbox_new(office->loop, &events, office);
}

static void office_fini(struct office *office)
{
    (void)mailbox_free(office->mailbox);
    (void)loop_free(office->loop);
}

static void endings_of_many_threads_all_arrive_in_order(void **state)
{
    pthread_t threads[THREADS];
    struct sender senders[THREADS];
    struct office office;

    (void)state;
    office_init(&office);
    office.wanted = (size_t)THREADS * ENDINGS;
    for (size_t i = 0; i < THREADS; i++) {
        senders[i] = (struct sender){office.mailbox, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_endings, &senders[i]), 0);
    }
    loop_run(office.loop);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(office.in_order);
    assert_int_equal(office.endings, office.wanted);
    office_fini(&office);
}

static void lines_beyond_a_bound_are_dropped_and_counted(void **state)
{
    const struct engine_exit end = {.how = ENGINE_EXITED, .code = 1};
    struct office office;

    (void)state;
    office_init(&office);
    for (int i = 0; i < MAILBOX_LOG_MAX + 7; i++) {
        mailbox_put_log(office.mailbox, ENGINE_LOG_WARN, "a line");
    }
    mailbox_put_ending(office.mailbox, 0, &end); /* is not dropped */
    office.wanted = 1;
    loop_run(office.loop);
    assert_int_equal(office.endings, 1);
    assert_int_equal(office.lines, MAILBOX_LOG_MAX + 1);
    assert_string_equal(office.line, "7 log lines were dropped");
    office_fini(&office);
}

static void a_long_line_is_cut(void **state)
{
    const struct engine_exit end = {.how = ENGINE_EXITED, .code = 1};
    char text[2 * MAILBOX_LINE_MAX];
    struct office office;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    office_init(&office);
    mailbox_put_log(office.mailbox, ENGINE_LOG_WARN, text);
    mailbox_put_ending(office.mailbox, 0, &end);
    office.wanted = 1;
    loop_run(office.loop);
    assert_int_equal(strlen(office.line), MAILBOX_LINE_MAX);
    office_fini(&office);
}

static void what_nobody_waits_for_is_released(void **state)
{
    struct sender sender;
    struct office office;

    (void)state;
    office_init(&office);
    sender = (struct sender){office.mailbox, 0};
    (void)send_endings(&sender);
    mailbox_put_log(office.mailbox, ENGINE_LOG_WARN, "a line");
    office_fini(&office); /* the sanitizer sees what is left */
    assert_int_equal(office.endings, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endings_of_many_threads_all_arrive_in_order),
        cmocka_unit_test(lines_beyond_a_bound_are_dropped_and_counted),
        cmocka_unit_test(a_long_line_is_cut),
        cmocka_unit_test(what_nobody_waits_for_is_released),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
