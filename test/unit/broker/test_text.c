/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of the node, in folders where a stranger may have put something in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "runtime/broker/folder.h"
#include "runtime/broker/text.h"
#include "runtime/grant/grant.h"

static char folder[] = "/tmp/skep-text-XXXXXX";
static struct fault why;

static const char *in_folder(const char *name)
{
    static char path[4][96];
    static unsigned turn;

    turn = (turn + 1) % ARRAY_SIZE(path);
    (void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
    return path[turn];
}

static void write_it(const char *name, const char *text)
{
    AUTO(fd_close) int file = open(in_folder(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(file >= 0);
    assert_int_equal(fs_write_all(file, text, strlen(text)), 0);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(mkdir(in_folder("real"), 0700), 0);
    write_it("real/hosts", "10.0.0.1 one\n");
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"real/hosts", "real/fifo", "real/last", "real/map",
                                        "real/out",   "real/up",   "by-link",   "by-descriptor"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)unlink(in_folder(names[i]));
    }
    (void)rmdir(in_folder("real"));
    return rmdir(folder);
}

/* A text, "" for one that is not there, or NULL for a failure. */
static const char *read_it(const char *path)
{
    static char said[256];
    AUTO(memory_free) char *text = NULL;

    if (broker_text_read(path, &text, &why) < 0) {
        return NULL;
    }
    (void)snprintf(said, sizeof(said), "%s", text ? text : "");
    return said;
}

static void a_file_is_read_and_one_that_is_missing_is_none(void **state)
{
    (void)state;
    assert_string_equal(read_it(in_folder("real/hosts")), "10.0.0.1 one\n");
    assert_string_equal(read_it(in_folder("real/none")), "");
}

static void a_folder_of_the_node_may_be_a_link_and_the_file_may_not(void **state)
{
    char round[128];

    (void)state;
    assert_int_equal(symlink("real", in_folder("by-link")), 0);
    assert_string_equal(read_it(in_folder("by-link/hosts")), "10.0.0.1 one\n");
    assert_int_equal(symlink("hosts", in_folder("real/last")), 0);
    assert_null(read_it(in_folder("real/last")));
    (void)snprintf(round, sizeof(round), "/etc/..%s", in_folder("real/last"));
    assert_null(read_it(round));
}

static void a_link_leads_to_nothing_that_is_open_here(void **state)
{
    AUTO(fd_close) int secret = open(in_folder("real"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char target[64];

    (void)state;
    assert_true(secret >= 0);
    (void)snprintf(target, sizeof(target), "/proc/self/fd/%d", secret);
    assert_int_equal(symlink(target, in_folder("by-descriptor")), 0);
    assert_int_equal(access(in_folder("by-descriptor/hosts"), R_OK), 0);
    assert_null(read_it(in_folder("by-descriptor/hosts")));
    assert_non_null(strstr(why.text, "by-descriptor"));
}

static void a_pipe_that_nobody_writes_is_no_text(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(in_folder("real/fifo"), 0600), 0);
    assert_null(read_it(in_folder("real/fifo")));
    assert_non_null(strstr(why.text, "is not a file"));
}

/* As a task sees it with @folder at "/" and its folder "real" at "/certs". */
static const char *find_it(const char *path)
{
    static char said[256];
    AUTO(memory_free) char *text = NULL;
    AUTO(folders_close) struct folders *folders = NULL;
    char real[96];
    struct grant_folder wanted[] = {
        {.source = folder, .guest = (char[]){"/"}, .read_only = true},
        {.source = real, .guest = (char[]){"/certs"}}};
    const struct grant grant = {.folders = wanted, .folders_count = ARRAY_SIZE(wanted)};
    const struct folders_plan plan = {.grant = &grant, .plain = true};

    (void)snprintf(real, sizeof(real), "%s", in_folder("real"));
    assert_int_equal(folders_open(&plan, &folders, &why), 0);
    if (broker_text_find(folders, path, &text, &why) < 0) {
        return NULL;
    }
    (void)snprintf(said, sizeof(said), "%s", text ? text : "");
    return said;
}

static void a_file_of_the_task_is_found_as_the_task_would(void **state)
{
    (void)state;
    assert_string_equal(find_it("/certs/hosts"), "10.0.0.1 one\n");
    assert_string_equal(find_it("/real/hosts"), "10.0.0.1 one\n");
    assert_string_equal(find_it("/certs/none"), "");
    assert_string_equal(find_it("/certs/hosts/below"), "");
    assert_string_equal(find_it("/elsewhere/hosts"), "");
    /* A ConfigMap's files are links to beside them; what is out of the folder is not there. */
    assert_int_equal(symlink("hosts", in_folder("real/map")), 0);
    assert_string_equal(find_it("/certs/map"), "10.0.0.1 one\n");
    assert_int_equal(symlink("/etc/passwd", in_folder("real/out")), 0);
    assert_string_equal(find_it("/certs/out"), "");
    assert_int_equal(symlink("../../../../../../etc/passwd", in_folder("real/up")), 0);
    assert_string_equal(find_it("/certs/up"), "");
    assert_null(find_it("/certs/fifo"));
    assert_non_null(strstr(why.text, "is not a file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_and_one_that_is_missing_is_none),
        cmocka_unit_test(a_folder_of_the_node_may_be_a_link_and_the_file_may_not),
        cmocka_unit_test(a_link_leads_to_nothing_that_is_open_here),
        cmocka_unit_test(a_pipe_that_nobody_writes_is_no_text),
        cmocka_unit_test(a_file_of_the_task_is_found_as_the_task_would),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
