/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that all instances of a task together may have. And what waits in front of it when it
 * ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/engine/house.h"

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

enum { MS = 1000000, CROWD = 100, SOCKETS = 60 };

static void serve(struct house_task *task, const char *guest)
{
    house_listen(task);
    house_start(task, guest);
}

static unsigned long number(const struct house_answer *answer)
{
    const char *line = strchr(answer->body, '\n'); /* after the length of its part */

    assert_int_equal(answer->status, 200);
    assert_non_null(line);
    return strtoul(line, NULL, 10);
}

static void requests_together_have_no_more_sockets_than_their_task(void **state)
{
    struct house_answer answer;
    struct house_task task;
    const char *said;
    unsigned long all = 0;

    (void)state;
    house_prepare(&task, NULL);
    task.grant.network_id = 1;
    task.grant.limits.file_max = SOCKETS;
    serve(&task, "raider-server");
    for (int i = 0; i < 3; i++) {
        house_get(task.port, "/sockets", &answer);
        all += number(&answer);
    }
    assert_int_equal(all, SOCKETS);
    house_stop(&task);
    house_prepare(&task, ARGS("raider", "tcp-sockets"));
    task.grant.network_id = 1;
    task.grant.limits.file_max = SOCKETS;
    house_start(&task, "raider");
    (void)house_wait(&task);
    said = house_read(task.output);
    if (!strstr(said, "60 sockets, 1000 refused: ErrorCode { code: 10, name: \"new-socket-limit\"")) {
        fail_msg("it says %s (%s)", said, task.end.text);
    }
    assert_non_null(strstr(house_read(task.error), "limit of 60 files and sockets"));
    house_done(&task);
}

/* Of WASI 0.3, where the streams of a connection outlive its handle. */
static void a_connection_counts_until_its_last_stream_is_gone(void **state)
{
    struct house_task server;
    struct house_task task;
    const char *said;
    char address[32];

    (void)state;
    house_prepare(&server, NULL);
    serve(&server, "server");
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", server.port);
    house_prepare(&task, ARGS("raider3", "connections", address));
    task.grant.network_id = 1;
    task.grant.limits.file_max = SOCKETS;
    house_start(&task, "raider3");
    (void)house_wait(&task);
    said = house_read(task.output);
    if (!strstr(said, "60 connections: ErrorCode::Other") || !strstr(said, "then Ok(())")) {
        fail_msg("it says %s (%s)", said, task.end.text);
    }
    house_done(&task);
    house_stop(&server);
}

static void whoever_was_let_in_by_the_kernel_is_served_before_the_end(void **state)
{
    struct house_answer answer;
    struct house_task task;
    int connections[CROWD];

    (void)state;
    house_prepare(&task, NULL);
    serve(&task, "server");
    for (size_t i = 0; i < CROWD; i++) {
        connections[i] = house_send_get(task.port, "/");
    }
    engine_task_drain(task.task, UINT64_C(60000) * MS);
    for (size_t i = 0; i < CROWD; i++) {
        house_receive(connections[i], &answer);
        assert_int_equal(answer.status, 200);
    }
    assert_int_equal(house_wait(&task)->how, ENGINE_STOPPED);
    house_done(&task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_together_have_no_more_sockets_than_their_task),
        cmocka_unit_test(a_connection_counts_until_its_last_stream_is_gone),
        cmocka_unit_test(whoever_was_let_in_by_the_kernel_is_served_before_the_end),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
