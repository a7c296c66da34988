/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A composition: a consumer of secrets, part 0, and their provider, part 1, which asks a database by
 * HTTP. Each has what its own grant holds, and nothing of the other's.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/engine/pair.h"

enum { NETWORK = 7 };

/* ---- the database that the vault asks ---- */

enum { ASKED_MAX = 8 * 1024 };

static struct database {
    pthread_t thread;
    int listener;
    uint16_t port;
    char asked[ASKED_MAX]; /* the last request; read after database_close() */
    unsigned requests;
} database;

static void *database_serve(void *unused)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsesame";

    (void)unused;
    for (;;) {
        int peer = accept(database.listener, NULL, NULL);
        ssize_t got = 0;

        if (peer < 0) {
            return NULL; /* shut down */
        }
        got = recv(peer, database.asked, ASKED_MAX - 1, 0);
        database.asked[got < 0 ? 0 : got] = '\0';
        database.requests++;
        (void)send(peer, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
        (void)close(peer);
    }
}

static void database_open(void)
{
    struct house_task borrowed = {0};

    house_listen(&borrowed);
    database = (struct database){.listener = borrowed.grant.listener, .port = borrowed.port};
    assert_int_equal(pthread_create(&database.thread, NULL, database_serve, NULL), 0);
}

static void database_close(void)
{
    (void)shutdown(database.listener, SHUT_RDWR);
    (void)pthread_join(database.thread, NULL);
    (void)close(database.listener);
}

static const char *database_variable(void)
{
    static char text[64];

    (void)snprintf(text, sizeof(text), "DATABASE=127.0.0.1:%u", database.port);
    return text;
}

/* ---- two components, linked ---- */

struct vault {
    struct pair pair;
    const char *env[1];
    struct engine_folder folder;
    char path[32];
};

static void vault_prepare(struct vault *vault, const char *const *args)
{
    database_open();
    pair_prepare(&vault->pair, args);
    vault->env[0] = database_variable();
    vault->pair.part.env = vault->env;
    vault->pair.part.env_count = 1;
    vault->folder = (struct engine_folder){.dir = pair_folder(vault->path, "token", "t0ken"),
                                           .guest_path = "/secrets",
                                           .read_only = true};
    vault->pair.part.folders = &vault->folder;
    vault->pair.part.folder_count = 1;
    vault->pair.part.network_id = NETWORK;
}

static const struct engine_exit *vault_run(struct vault *vault)
{
    house_start(&vault->pair.task, "reader-vault");
    return house_wait(&vault->pair.task);
}

static void vault_done(struct vault *vault)
{
    pair_done(&vault->pair);
    pair_folder_remove(vault->path, "token");
}

static void a_secret_comes_from_where_the_provider_alone_may_ask(void **state)
{
    struct vault vault;

    (void)state;
    vault_prepare(&vault, ARGS("reader", "get", "door"));
    assert_int_equal(vault_run(&vault)->code, 0);
    database_close();
    assert_int_equal(vault.pair.task.end.how, ENGINE_EXITED);
    assert_string_equal(house_read(vault.pair.task.output), "sesame\n");
    assert_string_equal(house_read(vault.pair.task.error), "");
    assert_string_equal(house_read(vault.pair.output), "");
    assert_string_equal(house_read(vault.pair.error), "vault: door was handed out\n");
    assert_int_equal(database.requests, 1);
    assert_non_null(strstr(database.asked, "GET /secrets/door HTTP/1.1\r\n"));
    assert_non_null(strstr(database.asked, "Bearer t0ken"));
    vault_done(&vault);
}

static void handles_cross_and_are_dropped(void **state)
{
    struct vault vault;

    (void)state;
    vault_prepare(&vault, ARGS("reader", "hold", "300", "door"));
    vault.pair.task.grant.limits.handle_max = 400;
    assert_int_equal(vault_run(&vault)->code, 0);
    database_close();
    assert_string_equal(house_read(vault.pair.task.output), "300 secrets, 1800 bytes\n");
    vault_done(&vault);
}

static void the_consumer_has_nothing_of_its_provider(void **state)
{
    struct vault vault;
    const char *words[] = {"reader", "try", NULL, NULL};
    const char *text = NULL;

    (void)state;
    vault_prepare(&vault, NULL);
    words[2] = vault.env[0] + strlen("DATABASE=");
    vault.pair.task.grant.args = words;
    vault.pair.task.grant.arg_count = 3;
    assert_int_equal(vault_run(&vault)->code, 0);
    database_close();
    assert_int_equal(database.requests, 0);
    text = house_read(vault.pair.task.output);
    assert_null(strstr(text, "GOT"));
    assert_non_null(strstr(text, "read /secrets/token: denied"));
    assert_non_null(strstr(text, "variable DATABASE: denied"));
    assert_non_null(strstr(text, "ask by HTTP: denied: "));
    assert_non_null(strstr(text, "HttpRequestDenied"));
    vault_done(&vault);
}

/* What the reader has, its provider has not either. */
static void the_provider_has_nothing_of_its_consumer(void **state)
{
    static const struct {
        const char *taken;
        const char *expected;
    } rows[] = {{"network", "HttpRequestDenied"},
                {"rules", "DestinationIpProhibited"},
                {"folder", "/secrets/token: "},
                {"environment", "DATABASE is not set"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct vault vault;

        vault_prepare(&vault, ARGS("reader", "get", "door"));
        if (strcmp(rows[i].taken, "network") == 0) {
            vault.pair.task.grant.network_id = NETWORK;
            vault.pair.part.network_id = 0;
        } else if (strcmp(rows[i].taken, "rules") == 0) {
            vault.pair.task.grant.network_id = NETWORK;
            vault.pair.part.network.allow = "127.0.0.2";
        } else if (strcmp(rows[i].taken, "folder") == 0) {
            vault.pair.task.grant.folders = &vault.folder;
            vault.pair.task.grant.folder_count = 1;
            vault.pair.part.folder_count = 0;
        } else {
            vault.pair.task.grant.env = vault.env;
            vault.pair.task.grant.env_count = 1;
            vault.pair.part.env_count = 0;
        }
        assert_int_equal(vault_run(&vault)->code, 1);
        database_close();
        assert_int_equal(database.requests, 0);
        assert_non_null(strstr(house_read(vault.pair.task.error), "reader: Refusal"));
        assert_non_null(strstr(house_read(vault.pair.error), rows[i].expected));
        vault_done(&vault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_comes_from_where_the_provider_alone_may_ask),
        cmocka_unit_test(handles_cross_and_are_dropped),
        cmocka_unit_test(the_consumer_has_nothing_of_its_provider),
        cmocka_unit_test(the_provider_has_nothing_of_its_consumer),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
