/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: what a line says, and what becomes of lines that nobody reads. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/engine/h2.h"
#include "test/unit/engine/house.h"

enum { MS = 200000, PAGE = 4096, FLOOD = 60 };

static struct house_answer answer;

static void start(struct house_task *task)
{
    house_prepare(task, NULL);
    house_listen(task);
    task->grant.access_log = true;
    task->grant.limits.request_ns = UINT64_C(2000) * MS;
    task->grant.limits.body_bytes = 10;
    house_start(task, "server");
}

/* End it; all that it wrote to stdout. */
static const char *end(struct house_task *task)
{
    const char *text = NULL;

    engine_task_drain(task->task, UINT64_C(1000) * MS);
    assert_int_equal(house_wait(task)->how, ENGINE_STOPPED);
    text = house_read(task->output);
    house_done(task);
    return text;
}

static size_t count(const char *text, const char *part)
{
    size_t found = 0;

    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part)) {
        found++;
    }
    return found;
}

static void a_line_says_what_was_asked_and_answered(void **state)
{
    struct house_task task;
    const char *text = NULL;

    (void)state;
    start(&task);
    house_get(task.port, "/big?bytes=20000", &answer);
    assert_int_equal(answer.status, 200);
    text = end(&task);
    assert_int_equal(count(text, "\n"), 1);
    assert_int_equal(strncmp(text, "{\"skep\":\"access\",\"time\":\"20", 27), 0);
    assert_non_null(strstr(text, "Z\",\"peer\":\"127.0.0.1:"));
    assert_non_null(strstr(text, "\",\"method\":\"GET\",\"path\":\"/big?bytes=20000\",\"protocol\":"
                                 "\"HTTP/1.1\",\"status\":200,\"bytes\":20000,\"ms\":"));
    assert_null(strstr(text, "cut"));
    assert_string_equal(text + strlen(text) - 2, "}\n");
}

static void without_the_grant_there_is_no_line(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare(&task, NULL);
    house_listen(&task);
    house_start(&task, "server");
    house_get(task.port, "/", &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(end(&task), "");
}

static void requests_of_http2_have_lines_too(void **state)
{
    static struct h2_answer second;
    struct house_task task;
    struct h2 h2;

    (void)state;
    start(&task);
    h2_open(&h2, task.port);
    h2_answer(&h2, h2_get(&h2, "/"), &second);
    h2_answer(&h2, h2_get(&h2, "/nowhere"), &second);
    h2_close(&h2);
    assert_non_null(strstr(end(&task), "\"path\":\"/nowhere\",\"protocol\":\"HTTP/2.0\","
                                       "\"status\":404,"));
}

static bool has_four(void *of)
{
    const struct house_task *task = of;

    return __atomic_load_n(&task->counters.requests, __ATOMIC_RELAXED) >= 4;
}

static void what_failed_has_a_line_with_its_status(void **state)
{
    static const char large[] = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                "Content-Length: 11\r\n\r\nhello there";
    struct house_task task;
    const char *text = NULL;
    int connection = -1;

    (void)state;
    start(&task);
    house_get(task.port, "/trap", &answer);
    house_get(task.port, "/spin", &answer);
    house_receive(house_send(task.port, large), &answer);
    house_receive(house_send(task.port, "nonsense\r\n\r\n"), &answer);
    assert_int_equal(answer.status, 400);
    /* Gone before there is an answer. */
    connection = house_send_get(task.port, "/sleep?ms=3600000");
    house_await(has_four, &task, "the fourth request came");
    (void)close(connection);
    text = end(&task);
    assert_int_equal(count(text, "\n"), 5);
    assert_non_null(strstr(text, "\"path\":\"/trap\",\"protocol\":\"HTTP/1.1\",\"status\":500,"));
    assert_non_null(strstr(text, "\"path\":\"/spin\",\"protocol\":\"HTTP/1.1\",\"status\":504,"));
    assert_non_null(strstr(text, "\"method\":\"POST\",\"path\":\"/echo\",\"protocol\":\"HTTP/1.1\","
                                 "\"status\":413,"));
    assert_non_null(strstr(text, "\"status\":400,\"unread\":true}"));
    assert_non_null(strstr(text, "\"path\":\"/sleep?ms=3600000\",\"protocol\":\"HTTP/1.1\","
                                 "\"status\":499,\"bytes\":0,"));
}

static void an_answer_that_is_cut_says_so(void **state)
{
    struct house_task task;
    int connection = -1;

    (void)state;
    start(&task);
    connection = house_send_get(task.port, "/big?bytes=50000000");
    assert_int_equal(recv(connection, answer.text, 1000, MSG_WAITALL), 1000);
    (void)close(connection);
    assert_non_null(strstr(end(&task), ",\"cut\":true}\n"));
}

static void what_a_peer_wrote_stays_within_its_quotes_and_bounds(void **state)
{
    static char path[3000];
    struct house_task task;
    const char *text = NULL;

    (void)state;
    start(&task);
    house_get(task.port, "/a\"b\\c", &answer);
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    {
        static char request[4000];

        (void)snprintf(request, sizeof(request),
                       "GET %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", path);
        house_receive(house_send(task.port, request), &answer);
    }
    assert_int_equal(answer.status, 404);
    text = end(&task);
    assert_int_equal(count(text, "\n"), 2);
    assert_non_null(strstr(text, "\"path\":\"/a\\\"b\\\\c\",\"protocol\""));
    assert_non_null(strstr(text, "xxx…\",\"protocol\""));
    assert_true(strlen(text) < 2000);
}

/* A reader that does not read: requests are answered all the same, and the lines are counted. */
static void a_slow_reader_loses_lines_and_is_told_how_many(void **state)
{
    struct house_task task;
    const char *text = NULL;
    const char *dropped = NULL;
    size_t lines = 0;

    (void)state;
    house_prepare(&task, NULL);
    house_listen(&task);
    task.grant.access_log = true;
    assert_true(fcntl(task.output, F_SETPIPE_SZ, PAGE) >= 0);
    house_start(&task, "server");
    for (int i = 0; i < FLOOD; i++) {
        house_get(task.port, "/", &answer);
        assert_int_equal(answer.status, 200);
    }
    {
        static char taken[PAGE + 1];
        ssize_t length = read(task.output, taken, PAGE);

        assert_true(length > 0);
        taken[length] = '\0';
        lines = count(taken, "\"path\":\"/\"");
    }
    assert_true(lines > 0 && lines < FLOOD);
    house_get(task.port, "/again", &answer);
    text = end(&task);
    lines += count(text, "\"path\":\"/\"");
    dropped = strstr(text, ",\"dropped\":");
    assert_non_null(dropped);
    assert_int_equal(lines + strtoul(dropped + strlen(",\"dropped\":"), NULL, 10), FLOOD);
    assert_non_null(strstr(dropped, "\"path\":\"/again\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_what_was_asked_and_answered),
        cmocka_unit_test(without_the_grant_there_is_no_line),
        cmocka_unit_test(requests_of_http2_have_lines_too),
        cmocka_unit_test(what_failed_has_a_line_with_its_status),
        cmocka_unit_test(an_answer_that_is_cut_says_so),
        cmocka_unit_test(what_a_peer_wrote_stays_within_its_quotes_and_bounds),
        cmocka_unit_test(a_slow_reader_loses_lines_and_is_told_how_many),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
