/* SPDX-License-Identifier: Apache-2.0 */
/* The door itself: what it refuses, with which words, and that nothing is taken on the way. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test/unit/engine/house.h"

static const struct engine_watcher nobody = {0};

static int load(int cwasm, struct engine_component_info *info, struct engine_why *why)
{
    struct engine_component *component = NULL;
    int result = engine_component_load(house_engine(), cwasm, info, &component, why);

    (void)engine_component_free(component);
    (void)close(cwasm);
    return result;
}

static void a_component_tells_what_it_is(void **state)
{
    static const struct {
        const char *name;
        enum engine_kind kind;
        uint32_t wasi_minor;
    } rows[] = {
        {"hello", ENGINE_COMMAND, 1}, {"hello-component", ENGINE_COMMAND, 1},
        {"exits", ENGINE_COMMAND, 2}, {"command3", ENGINE_COMMAND, 3}, {"server", ENGINE_SERVER, 2},
        {"server3", ENGINE_SERVER, 3}, {"adder", ENGINE_LIBRARY, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct engine_component_info info = {0};
        struct engine_why why = {0};

        assert_int_equal(load(house_cwasm(rows[i].name), &info, &why), 0);
        assert_int_equal(info.kind, rows[i].kind);
        assert_int_equal(info.wasi_minor, rows[i].wasi_minor);
    }
}

static void an_import_that_nobody_offers_so_is_named(void **state)
{
    struct engine_component_info info;
    struct engine_why why = {0};

    (void)state;
    assert_int_equal(load(house_cwasm("missing"), &info, &why), -1);
    assert_int_equal(why.kind, ENGINE_UNRESOLVED);
    assert_non_null(strstr(why.text, "acme:vault/store@1.0.0"));
    assert_int_equal(load(house_cwasm("misfit"), &info, &why), -1);
    assert_int_equal(why.kind, ENGINE_UNRESOLVED);
    assert_non_null(strstr(why.text, "fd_read"));
}

static void a_descriptor_that_is_no_file_is_said_to_be_unreadable(void **state)
{
    struct engine_component_info info;
    struct engine_why why = {0};
    int ends[2];

    (void)state;
    assert_int_equal(load(1 << 20, &info, &why), -1);
    assert_int_equal(why.kind, ENGINE_SYSTEM);
    assert_non_null(strstr(why.text, "descriptor 1048576"));
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)close(ends[1]);
    assert_int_equal(load(ends[0], &info, &why), -1);
    assert_int_equal(why.kind, ENGINE_INVALID);
}

static void what_the_compiler_did_not_make_is_refused(void **state)
{
    static const char *const contents[] = {"", "\0asm\x0d\0\1\0", "\x7f" "ELF and so on"};
    struct engine_component_info info;
    struct engine_why why = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
        int file = memfd_create("garbage", MFD_CLOEXEC);

        assert_true(file >= 0);
        assert_true(write(file, contents[i], 8 * (i > 0)) >= 0);
        assert_int_equal(load(file, &info, &why), -1);
        assert_int_equal(why.kind, ENGINE_REFUSED);
        assert_true(strlen(why.text) > 0);
    }
}

static int start(const char *guest, struct house_task *task, struct engine_why *why)
{
    struct engine_task *made = NULL;
    int result = engine_task_start(house_guest(guest), &task->grant, &nobody, &made, why);

    assert_null(made);
    return result;
}

/* Starts with one thing wrong; nothing may have been taken. */
static void refuse(const char *guest, struct house_task *task, int kind, const char *word)
{
    struct engine_why why = {0};

    assert_int_equal(start(guest, task, &why), -1);
    assert_int_equal(why.kind, kind);
    if (strstr(why.text, word) == NULL) {
        fail_msg("\"%s\" does not say %s", why.text, word);
    }
    assert_int_equal(fcntl(task->grant.output, F_GETFL) & O_NONBLOCK, 0);
    if (task->grant.error != task->grant.output) {
        (void)close(task->grant.error);
    }
    if (task->grant.listener >= 0 && task->grant.listener != task->grant.output) {
        assert_int_equal(close(task->grant.listener), 0);
    }
    assert_int_equal(close(task->grant.output), 0);
    house_done(task);
}

static void texts_of_a_grant_are_checked(void **state)
{
    static const char *const not_utf8[] = {"\xff\xfe"};
    static const char *const no_name[] = {"=value"};
    static const char *const no_value[] = {"NAME"};
    const char *const missing[] = {NULL};
    struct house_task task;

    (void)state;
    house_prepare(&task, NULL);
    task.grant.args = not_utf8;
    task.grant.arg_count = 1;
    refuse("silent", &task, ENGINE_INVALID, "UTF-8");
    house_prepare(&task, NULL);
    task.grant.args = missing;
    task.grant.arg_count = 1;
    refuse("silent", &task, ENGINE_INVALID, "missing");
    house_prepare(&task, NULL);
    task.grant.arg_count = ENGINE_ARGS_MAX + 1;
    refuse("silent", &task, ENGINE_LIMIT, "4096");
    house_prepare(&task, NULL);
    task.grant.env = no_name;
    task.grant.env_count = 1;
    refuse("silent", &task, ENGINE_INVALID, "NAME=value");
    house_prepare(&task, NULL);
    task.grant.env = no_value;
    task.grant.env_count = 1;
    refuse("silent", &task, ENGINE_INVALID, "NAME=value");
}

static void a_text_beyond_its_limit_is_refused(void **state)
{
    char *text = malloc(ENGINE_TEXT_MAX + 2);
    const char *const args[] = {text};
    struct house_task task;

    (void)state;
    assert_non_null(text);
    memset(text, 'a', ENGINE_TEXT_MAX + 1);
    text[ENGINE_TEXT_MAX + 1] = '\0';
    house_prepare(&task, NULL);
    task.grant.args = args;
    task.grant.arg_count = 1;
    refuse("silent", &task, ENGINE_LIMIT, "131072");
    free(text);
}

static void descriptors_of_a_grant_are_checked(void **state)
{
    struct engine_folder folder = {.guest_path = "/data"};
    struct house_task task;

    (void)state;
    house_prepare(&task, NULL);
    task.grant.input = task.grant.output;
    refuse("silent", &task, ENGINE_INVALID, "granted twice");
    house_prepare(&task, NULL);
    task.grant.input = 1 << 20;
    refuse("silent", &task, ENGINE_SYSTEM, "descriptor 1048576");
    house_prepare(&task, NULL);
    folder.dir = task.grant.output;
    task.grant.folders = &folder;
    task.grant.folder_count = 1;
    refuse("silent", &task, ENGINE_INVALID, "/data is not a folder");
    house_prepare(&task, NULL);
    task.grant.folder_count = ENGINE_FOLDERS_MAX + 1;
    refuse("silent", &task, ENGINE_LIMIT, "256 folders");
}

static void a_kind_gets_what_it_needs_and_no_more(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare(&task, NULL);
    refuse("server", &task, ENGINE_INVALID, "needs a listening socket");
    house_prepare(&task, NULL);
    house_listen(&task);
    refuse("silent", &task, ENGINE_INVALID, "no use for a listening socket");
    house_prepare(&task, NULL);
    task.grant.listener = task.grant.error;
    task.grant.error = -1;
    refuse("server", &task, ENGINE_INVALID, "not a listening TCP socket");
    house_prepare(&task, NULL);
    refuse("adder", &task, ENGINE_INVALID, "neither wasi:cli/run nor");
}

static void limits_out_of_bounds_are_refused(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare(&task, NULL);
    task.grant.limits.cpu_weight = 10001;
    refuse("silent", &task, ENGINE_INVALID, "10001");
    house_prepare(&task, NULL);
    task.grant.limits.head_bytes = 100;
    refuse("silent", &task, ENGINE_INVALID, "8192");
    house_prepare(&task, NULL);
    task.grant.limits.cpu_quota_ns = 1000;
    task.grant.limits.cpu_period_ns = 1000;
    refuse("silent", &task, ENGINE_INVALID, "at least 1ms");
}

static void all_limits_may_be_none(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare(&task, NULL);
    memset(&task.grant.limits, 0xff, sizeof(task.grant.limits));
    task.grant.limits.cpu_weight = 0;
    task.grant.limits.head_bytes = 0;
    house_start(&task, "silent");
    assert_int_equal(house_wait(&task)->how, ENGINE_EXITED);
    house_done(&task);
}

static void a_handle_may_be_given_back_while_it_runs(void **state)
{
    struct house_task task;

    (void)state;
    house_prepare(&task, NULL);
    house_start(&task, "spinner");
    task.task = engine_task_free(task.task);
    /* Its end closes its stdout. */
    assert_string_equal(house_read(task.output), "");
    assert_int_equal(task.endings, 0);
    (void)close(task.output);
    (void)close(task.error);
}

static void an_engine_that_is_freed_ends_what_runs(void **state)
{
    static struct house_task tasks[3];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
        house_prepare(&tasks[i], NULL);
    }
    house_listen(&tasks[2]);
    house_start(&tasks[0], "spinner");
    house_start(&tasks[1], "spinner");
    house_start(&tasks[2], "server");
    assert_int_equal(house_close(NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
        assert_int_equal(house_wait(&tasks[i])->how, ENGINE_KILLED);
        house_done(&tasks[i]);
    }
    assert_int_equal(house_open(NULL), 0);
}

static void too_many_threads_are_refused(void **state)
{
    const struct engine_options options = {.threads = 1000};
    struct engine *none = NULL;
    struct engine_why why = {0};

    (void)state;
    assert_int_equal(engine_new(&options, &none, &why), -1);
    assert_int_equal(why.kind, ENGINE_LIMIT);
    assert_null(engine_free(none));
    assert_int_equal(engine_instances(house_engine()), HOUSE_INSTANCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_component_tells_what_it_is),
        cmocka_unit_test(an_import_that_nobody_offers_so_is_named),
        cmocka_unit_test(a_descriptor_that_is_no_file_is_said_to_be_unreadable),
        cmocka_unit_test(what_the_compiler_did_not_make_is_refused),
        cmocka_unit_test(texts_of_a_grant_are_checked),
        cmocka_unit_test(a_text_beyond_its_limit_is_refused),
        cmocka_unit_test(descriptors_of_a_grant_are_checked),
        cmocka_unit_test(a_kind_gets_what_it_needs_and_no_more),
        cmocka_unit_test(limits_out_of_bounds_are_refused),
        cmocka_unit_test(all_limits_may_be_none),
        cmocka_unit_test(a_handle_may_be_given_back_while_it_runs),
        cmocka_unit_test(an_engine_that_is_freed_ends_what_runs),
        cmocka_unit_test(too_many_threads_are_refused),
    };

    return cmocka_run_group_tests(tests, house_open, house_close);
}
