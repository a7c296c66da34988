/* SPDX-License-Identifier: Apache-2.0 */
/* The launchers' questions, over the real socket. */
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

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "shim/control.h"
#include "shim/daemon/control.h"
#include "shim/daemon/doors.h"
#include "world.h"

#define TASK_NS "task-08b33d07b5586b66.sock" /* FNV-1a of "ns" */

static struct control *control;
static struct doors *doors;

static int open_all(void **state)
{
    struct service_tools service = {0};
    struct control_tools tools = {0};
    struct world *world = NULL;
    struct fault why = {0};

    assert_int_equal(world_open(state), 0);
    world = *state;
    service = (struct service_tools){world->loop, world->pods, world->events};
    doors = doors_new(&service, world->folder);
    tools = (struct control_tools){world->loop, world->pods, world->service, doors, world->folder};
    return control_new(&tools, &control, &why);
}

static void removed(void *owner, const struct service_removed *how)
{
    (void)how;
    *(bool *)owner = true;
}

static int close_all(void **state)
{
    struct world *world = *state;

    control = control_free(control);
    while (pods_next(world->pods, NULL)) {
        bool done = false;

        service_remove(world->service, "ns", pods_next(world->pods, NULL)->id, removed, &done);
        turn_until_true(world->loop, &done, "what the test left behind");
    }
    doors = doors_free(doors);
    return world_close(state);
}

static int dial(const struct world *world)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s/" CONTROL_SOCKET, world->folder);
    assert_int_equal(connect(fd, (const struct sockaddr *)&where, sizeof(where)), 0);
    return fd;
}

struct answer {
    int socket;
    char packet[CONTROL_BYTES_MAX];
    ssize_t length;
};

static bool came(void *owner)
{
    struct answer *answer = owner;

    answer->length = recv(answer->socket, answer->packet, sizeof(answer->packet) - 1, 0);
    if (answer->length >= 0) {
        answer->packet[answer->length] = '\0';
    }
    return answer->length >= 0 || errno != EAGAIN;
}

static void put(struct buf *packet, const char *text)
{
    buf_put(packet, text, strlen(text) + 1);
}

/* Asks, waits, and compares letter and text. */
static void expect(struct world *world, const struct buf *packet, const char *want)
{
    AUTO(fd_close) int fd = dial(world);
    struct answer answer = {.socket = fd};

    assert_int_equal(send(fd, packet->data, packet->length, 0), (ssize_t)packet->length);
    turn_until(world->loop, came, &answer, want);
    assert_true(answer.length > 1);
    assert_int_equal(answer.packet[answer.length - 1], '\0');
    assert_string_equal(answer.packet, want);
}

static void start_packet(const struct world *world, struct buf *packet, const char *id)
{
    char bundle[128];

    (void)snprintf(bundle, sizeof(bundle), "%s/%s", world->folder, id);
    buf_put_u8(packet, CONTROL_START);
    put(packet, "ns");
    put(packet, id);
    put(packet, bundle);
    put(packet, "/run/grpc");
    put(packet, "/run/ttrpc");
    put(packet, CONTROL_DOMAIN_NODE);
}

static void expect_start(struct world *world, const char *id, const char *want)
{
    AUTO(buf_fini) struct buf packet = BUF(CONTROL_BYTES_MAX);

    start_packet(world, &packet, id);
    expect(world, &packet, want);
}

static void a_component_is_ours_and_reserved_until_it_is_created(void **state)
{
    struct world *world = *state;
    char address[128];
    struct ask ask;

    (void)snprintf(address, sizeof(address), "ounix://%s/" TASK_NS, world->folder);
    bundle_write(world, "one", NULL);
    expect_start(world, "one", address);
    assert_int_equal(reservations_count(world->reservations), 1);
    /* What the reservation holds is not asked for again. */
    fake_image.fails = "this must not be asked";
    create_begin(world, &ask, "one");
    ask_await(&ask);
    assert_false(ask.refused);
    assert_string_equal(fake_run_domain(fake_run_at(0)), "node");
    assert_int_equal(reservations_count(world->reservations), 0);
}

/* Told when it is known that it must be ours: its image may still be under way, or fail. */
static void a_name_of_wasm_is_ours_before_its_image_has_come(void **state)
{
    struct world *world = *state;
    char address[128];
    struct ask ask;

    (void)snprintf(address, sizeof(address), "ounix://%s/" TASK_NS, world->folder);
    bundle_write(world, "one", "{\"process\":{\"args\":[\"/one.wasm\"]}}");
    fake_image.delay_ns = 50 * NS_PER_MS;
    expect_start(world, "one", address);
    create_begin(world, &ask, "one");
    ask_await(&ask);
    assert_false(ask.refused);
    fake_image.fails = "the manifest has 5000 layers, at most 100";
    bundle_write(world, "two", "{\"process\":{\"args\":[\"two.wasm\"]}}");
    expect_start(world, "two", address);
    create_begin(world, &ask, "two");
    ask_await(&ask);
    assert_true(ask.refused);
    assert_non_null(strstr(ask.why.text, "the manifest has 5000 layers, at most 100"));
    assert_int_equal(reservations_count(world->reservations), 0);
}

static void a_pause_and_a_broken_bundle_are_ours_without_asking(void **state)
{
    struct world *world = *state;
    char address[128];

    (void)snprintf(address, sizeof(address), "ounix://%s/" TASK_NS, world->folder);
    fake_image.fails = "this must not be asked";
    bundle_write(world, "pause",
                 "{\"process\":{\"args\":[\"/pause\"]},\"annotations\":"
                 "{\"io.kubernetes.cri.container-type\":\"sandbox\"}}");
    expect_start(world, "pause", address);
    bundle_write(world, "broken", "{");
    expect_start(world, "broken", address);
    expect_start(world, "nowhere", address);
}

static void an_image_without_wasm_is_native_and_not_reserved(void **state)
{
    struct world *world = *state;
    char address[128];

    (void)snprintf(address, sizeof(address), "ounix://%s/" TASK_NS, world->folder);
    fake_image.form = IMAGE_TAR;
    bundle_write(world, "shell", "{\"process\":{\"args\":[\"/bin/sh\"]}}");
    expect_start(world, "shell", "n");
    bundle_write(world, "none", "{\"process\":{}}");
    expect_start(world, "none", "n");
    assert_int_equal(reservations_count(world->reservations), 0);
    bundle_write(world, "tar", "{\"process\":{\"args\":[\"/app/x.wasm\"]}}");
    expect_start(world, "tar", address);
    fake_image.form = IMAGE_NONE;
    expect_start(world, "tar", address);
    expect_start(world, "shell", "n");
}

static void what_cannot_be_found_out_is_refused_with_the_reason(void **state)
{
    struct world *world = *state;

    fake_image.fails = "the manifest has 5000 layers, at most 100";
    bundle_write(world, "one", NULL);
    expect_start(world, "one", "rthe manifest has 5000 layers, at most 100");
    expect_start(world, "..", "rthe id \"..\" is no identifier");
}

static void delete_answers_how_it_ended(void **state)
{
    struct world *world = *state;
    AUTO(buf_fini) struct buf packet = BUF(CONTROL_BYTES_MAX);
    AUTO(fd_close) int fd = dial(world);
    struct answer answer = {.socket = fd};
    unsigned pid = 0;
    unsigned status = 0;
    long long seconds = 0;
    int nanos = 0;

    create_ok(world, "one");
    start_ok(world, "one", "");
    buf_put_u8(&packet, CONTROL_DELETE);
    put(&packet, "ns");
    put(&packet, "one");
    put(&packet, "/bundle");
    assert_true(send(fd, packet.data, packet.length, 0) > 0);
    turn_until(world->loop, came, &answer, "the end of the task");
    assert_int_equal(answer.packet[0], CONTROL_DELETED);
    assert_int_equal(
        sscanf(answer.packet + 1, "%u %u %lld %d", &pid, &status, &seconds, &nanos), 4);
    assert_true(pid > PODS_PID_ABOVE);
    assert_int_equal(status, 137);
    assert_true(seconds > 0);
    assert_int_equal(pods_count(world->pods), 0);
}

static void nonsense_is_refused_and_harms_nobody(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } rows[] = {
        {"s", 1}, {"?", 1}, {"sns", 3}, {"i\0extra\0", 8}, {"d\0", 2}, {"\0\0\0\0\0\0\0\0\0", 9},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(fd_close) int fd = dial(world);
        struct answer answer = {.socket = fd};

        assert_true(send(fd, rows[i].bytes, rows[i].length, 0) > 0);
        turn_until(world->loop, came, &answer, "a refusal");
        assert_int_equal(answer.packet[0], CONTROL_REFUSED);
    }
    create_ok(world, "one");
}

static bool nobody_is_left(void *owner)
{
    (void)owner;
    return control_callers(control) == 0;
}

static bool somebody_is_there(void *owner)
{
    (void)owner;
    return control_callers(control) > 0;
}

static bool one_is_reserved(void *owner)
{
    const struct world *world = owner;

    return reservations_count(world->reservations) == 1;
}

static void a_launcher_that_only_looks_or_gives_up_is_forgotten(void **state)
{
    struct world *world = *state;
    AUTO(buf_fini) struct buf packet = BUF(CONTROL_BYTES_MAX);
    int fd = dial(world);

    turn_until(world->loop, somebody_is_there, NULL, "a caller");
    (void)close(fd);
    turn_until(world->loop, nobody_is_left, NULL, "the one who looked to go");
    bundle_write(world, "one", NULL);
    start_packet(world, &packet, "one");
    fd = dial(world);
    assert_true(send(fd, packet.data, packet.length, 0) > 0);
    (void)close(fd);
    turn_until(world->loop, one_is_reserved, world, "its question to be worked on");
    turn_until(world->loop, nobody_is_left, NULL, "the one who gave up to go");
}

static void info_names_the_build_and_counts(void **state)
{
    struct world *world = *state;
    AUTO(fd_close) int fd = dial(world);
    struct answer answer = {.socket = fd};
    char end[32];

    create_ok(world, "one");
    assert_int_equal(send(fd, "i", 1, 0), 1);
    turn_until(world->loop, came, &answer, "an answer");
    assert_int_equal(answer.packet[0], CONTROL_TOLD);
    (void)snprintf(end, sizeof(end), " %d 1", (int)getpid());
    assert_non_null(strstr(answer.packet, end));
}

static void the_socket_is_ours_alone(void **state)
{
    struct world *world = *state;
    struct stat status;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, world->folder);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_component_is_ours_and_reserved_until_it_is_created),
        TEST(a_name_of_wasm_is_ours_before_its_image_has_come),
        TEST(a_pause_and_a_broken_bundle_are_ours_without_asking),
        TEST(an_image_without_wasm_is_native_and_not_reserved),
        TEST(what_cannot_be_found_out_is_refused_with_the_reason),
        TEST(delete_answers_how_it_ended),
        TEST(nonsense_is_refused_and_harms_nobody),
        TEST(a_launcher_that_only_looks_or_gives_up_is_forgotten),
        TEST(info_names_the_build_and_counts),
        TEST(the_socket_is_ours_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
