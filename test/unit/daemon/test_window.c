/* SPDX-License-Identifier: Apache-2.0 */
/* The window over its real socket: what is answered, to whom, and what a slow onlooker costs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/loop.h"
#include "shim/control.h"
#include "shim/daemon/question.h"
#include "shim/daemon/view.h"
#include "shim/daemon/window.h"
#include "shim/ttrpc/message.h"
#include "world.h"

enum { ANSWER_MAX = 64 * 1024 * 1024, CROWD = 400 };

static struct window *window;

static void removed(void *owner, const struct service_removed *how)
{
    (void)how;
    *(bool *)owner = true;
}

static int open_all(void **state)
{
    struct world *world = NULL;
    struct fault why = {0};

    assert_int_equal(world_open(state), 0);
    world = *state;
    return window_new(world->loop, world->pods, world->folder, &window, &why);
}

static int close_all(void **state)
{
    struct world *world = *state;

    window_unlink(window);
    window = window_free(window);
    while (pods_next(world->pods, NULL)) {
        bool done = false;

        service_remove(world->service, "ns", pods_next(world->pods, NULL)->id, removed, &done);
        turn_until_true(world->loop, &done, "what the test left behind");
    }
    return world_close(state);
}

static int dial(const struct world *world)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s/" CONTROL_METRICS, world->folder);
    assert_int_equal(connect(fd, (const struct sockaddr *)&where, sizeof(where)), 0);
    return fd;
}

struct answer {
    int socket;
    struct buf bytes;
    size_t most; /* that are taken in a turn; 0: all */
};

static bool has_ended(void *owner)
{
    struct answer *answer = owner;
    ssize_t got = 0;

    do {
        uint8_t *room = buf_reserve(&answer->bytes, 65536);

        assert_non_null(room);
        got = recv(answer->socket, room, answer->most != 0 ? answer->most : 65536, 0);
        answer->bytes.length += got > 0 ? (size_t)got : 0;
    } while (got > 0 && answer->most == 0);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

/* Asks and waits for the whole answer, NUL-terminated. */
static const char *ask(struct world *world, const char *question, struct answer *answer)
{
    size_t length = strlen(question);

    answer->socket = dial(world);
    answer->bytes = BUF(ANSWER_MAX);
    assert_int_equal(send(answer->socket, question, length, 0), (ssize_t)length);
    turn_until(world->loop, has_ended, answer, question);
    (void)fd_close(answer->socket);
    buf_put_u8(&answer->bytes, 0);
    return (const char *)answer->bytes.data;
}

static void expect_start_of(struct world *world, const char *question, const char *want)
{
    struct answer answer = {0};
    const char *text = ask(world, question, &answer);

    assert_int_equal(strncmp(text, want, strlen(want)), 0);
    buf_fini(&answer.bytes);
}

static void has(const char *text, const char *words)
{
    if (!strstr(text, words)) {
        fail_msg("no \"%s\" in\n%s", words, text);
    }
}

static const char pod_json[] =
    "{\"process\":{\"args\":[\"hello\"],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"},"
    "\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"cart\","
    "\"io.kubernetes.cri.sandbox-namespace\":\"shop\","
    "\"io.kubernetes.cri.container-name\":\"web\","
    "\"io.kubernetes.cri.image-name\":\"registry.example/cart:1\"}}";

static void create_as(struct world *world, const char *id, const char *json)
{
    Task__CreateTaskRequest create = TASK__CREATE_TASK_REQUEST__INIT;
    char bundle[128];
    char name[32];

    bundle_write(world, id, json);
    (void)snprintf(bundle, sizeof(bundle), "%s/%s", world->folder, id);
    (void)snprintf(name, sizeof(name), "%s", id);
    create.id = name;
    create.bundle = bundle;
    (void)message_free(
        ask_ok(world, "Create", &create.base, &task__create_task_response__descriptor));
}

static void metrics_are_text_with_the_words_of_kubernetes(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    const char *text = NULL;

    fake_plan.kind = RUN_SERVER;
    fake_plan.counters = (struct engine_counters){.cpu_ns = 2500000000, .requests = 3};
    fake_plan.latency.buckets[0] = 3;
    create_as(world, "one", pod_json);
    start_ok(world, "one", "");
    text = ask(world, "GET /metrics HTTP/1.0\r\n\r\n", &answer);
    has(text, "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
              "Connection: close\r\n\r\n# HELP skep_build_info ");
    has(text, "\nskep_containers 1\n");
    has(text, "\nskep_container_cpu_seconds_total{containerd_namespace=\"ns\",id=\"one\","
              "namespace=\"shop\",pod=\"cart\",container=\"web\"} 2.500000000\n");
    has(text, ",container=\"web\",le=\"+Inf\"} 3\n");
    has(text, ",kind=\"server\",image=\"registry.example/cart:1\"} 1\n");
    buf_fini(&answer.bytes);
}

static void containers_are_lines_in_one_chunked_answer(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    const char *text = NULL;

    create_ok(world, "one");
    create_ok(world, "two");
    start_ok(world, "two", "");
    text = ask(world, "GET /containers?x=1 HTTP/1.1\r\nHost: skep\r\n\r\n", &answer);
    has(text, "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
              "Transfer-Encoding: chunked\r\n");
    has(text, "\"id\":\"one\",\"namespace\":\"\",\"pod\":\"\",\"container\":\"\",\"image\":\"\","
              "\"kind\":\"command\",\"state\":\"created\",\"started_ms\":0,");
    has(text, "\"state\":\"running\",\"started_ms\":1");
    has(text, "}\n\r\n0\r\n\r\n");
    buf_fini(&answer.bytes);
}

static void other_questions_are_answered_with_what_is_wrong(void **state)
{
    struct world *world = *state;
    char line[QUESTION_BYTES_MAX + 1];

    expect_start_of(world, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ");
    expect_start_of(world, "GET /metricsx HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ");
    expect_start_of(world, "POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ");
    expect_start_of(world, "hello\r\n\r\n", "HTTP/1.1 400 ");
    expect_start_of(world, "GET /metrics HTTP/2\r\n\r\n", "HTTP/1.1 400 ");
    memset(line, 'a', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    expect_start_of(world, line, "HTTP/1.1 431 ");
    assert_int_equal(window_onlookers(window), 0);
}

static size_t count_of(const char *text, const char *words)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, words)) != NULL; at++) {
        count++;
    }
    return count;
}

struct slow {
    struct world *world;
    struct answer answer;
    unsigned turns;
    bool removed;
};

/* Takes little in each turn; meanwhile containers come and go. */
static bool slowly_ended(void *owner)
{
    struct slow *slow = owner;
    char id[16];

    slow->turns++;
    if (slow->turns % 100 == 0 && slow->turns <= 2000) {
        (void)snprintf(id, sizeof(id), "c%03u", slow->turns / 100);
        service_remove(slow->world->service, "ns", id, removed, &slow->removed);
    }
    return has_ended(&slow->answer);
}

static void an_answer_of_many_pieces_is_whole_while_containers_go(void **state)
{
    struct world *world = *state;
    struct slow slow = {.world = world, .answer = {.most = 1000, .bytes = BUF(ANSWER_MAX)}};
    static const char question[] = "GET /metrics HTTP/1.0\n\n";
    const char *text = NULL;
    char id[16];

    for (unsigned i = 0; i < CROWD; i++) {
        (void)snprintf(id, sizeof(id), "c%03u", i);
        create_ok(world, id);
    }
    slow.answer.socket = dial(world);
    assert_true(send(slow.answer.socket, question, strlen(question), 0) > 0);
    turn_until(world->loop, slowly_ended, &slow, "a slow answer");
    (void)fd_close(slow.answer.socket);
    assert_true(slow.turns > 100);
    buf_put_u8(&slow.answer.bytes, 0);
    text = (const char *)slow.answer.bytes.data;
    /* Every family once, with all containers of the time in it: none twice, none forgotten. */
    assert_int_equal(count_of(text, "# TYPE skep_container_"), 17);
    assert_int_equal(count_of(text, "\nskep_container_cpu_seconds_total{"), CROWD);
    assert_true(slow.removed);
    assert_true(count_of(text, "\nskep_container_info{") >= CROWD - 20);
    assert_true(count_of(text, "\nskep_container_info{") < CROWD);
    assert_int_equal(count_of(text, "\nskep_container_info{containerd_namespace=\"ns\",id=\"c399\""),
                     1);
    buf_fini(&slow.answer.bytes);
}

static void a_piece_looks_at_few_containers_whatever_they_have_to_say(void **state)
{
    struct world *world = *state;
    struct view view = {.what = QUESTION_METRICS};
    AUTO(buf_fini) struct buf out = BUF(ANSWER_MAX);
    size_t pieces = 0;
    char id[16];

    for (unsigned i = 0; i < CROWD; i++) {
        (void)snprintf(id, sizeof(id), "c%03u", i);
        create_ok(world, id);
    }
    view_put(&view, world->pods, ANSWER_MAX, &out);
    buf_put_u8(&out, 0);
    assert_int_equal(count_of((const char *)out.data, "\nskep_container_cpu_seconds_total{"),
                     VIEW_LOOKS_MAX);
    for (; !view.is_over; pieces++) {
        view_put(&view, world->pods, ANSWER_MAX, &out);
    }
    /* Commands have no samples of servers; they are passed by in pieces all the same. */
    assert_in_range(pieces, 17 * CROWD / VIEW_LOOKS_MAX - 1, 2 * 17 * CROWD / VIEW_LOOKS_MAX);
}

static bool nobody_looks(void *owner)
{
    (void)owner;
    return window_onlookers(window) == 0;
}

static void onlookers_have_a_maximum_and_may_leave_at_any_time(void **state)
{
    struct world *world = *state;
    int fds[WINDOW_ONLOOKERS_MAX];
    struct answer answer = {0};

    create_ok(world, "one");
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = dial(world);
        assert_true(send(fds[i], "GET /met", 8, 0) == 8);
    }
    /* One more is hung up on without a word. */
    assert_string_equal(ask(world, "GET /metrics HTTP/1.0\r\n\r\n", &answer), "");
    assert_int_equal(window_onlookers(window), WINDOW_ONLOOKERS_MAX);
    buf_fini(&answer.bytes);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        if (i % 2 == 0) {
            assert_true(send(fds[i], "rics HTTP/1.1\r\n\r\n", 17, 0) == 17);
        }
        (void)fd_close(fds[i]);
    }
    turn_until(world->loop, nobody_looks, NULL, "they have left");
    expect_start_of(world, "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ");
}

static void the_socket_is_for_root_alone(void **state)
{
    const struct world *world = *state;
    struct stat about;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/" CONTROL_METRICS, world->folder);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
}

int main(void)
{
#define AT(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
    const struct CMUnitTest tests[] = {
        AT(metrics_are_text_with_the_words_of_kubernetes),
        AT(containers_are_lines_in_one_chunked_answer),
        AT(other_questions_are_answered_with_what_is_wrong),
        AT(an_answer_of_many_pieces_is_whole_while_containers_go),
        AT(a_piece_looks_at_few_containers_whatever_they_have_to_say),
        AT(onlookers_have_a_maximum_and_may_leave_at_any_time),
        AT(the_socket_is_for_root_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
