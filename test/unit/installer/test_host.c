/* SPDX-License-Identifier: Apache-2.0 */
/* Files below a root whose links are its own, and programs with a time limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/text.h"
#include "k8s/installer/host.h"
#include "k8s/installer/tree.h"

static char folder[] = "/tmp/skep-host-XXXXXX";

static const char *in_folder(const char *path)
{
    static char full[512];

    assert_true(snprintf(full, sizeof(full), "%s%s", folder, path) < (int)sizeof(full));
    return full;
}

static void files_are_below_the_root(void **state)
{
    AUTO(host_file_fini) struct host_file file = HOST_FILE;
    struct fault why = {0};
    struct host host;
    struct stat about;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(fs_make_folders(in_folder("/real"), 0755), 0);
    /* A link of the node: absolute, and yet below its root. */
    assert_int_equal(symlink("/real", in_folder("/etc")), 0);
    assert_int_equal(host_open(folder, &host, &why), 0);
    assert_int_equal(host_read(&host, "/etc/file", &file, &why), HOST_ABSENT);
    assert_int_equal(host_read(&host, "/nowhere/file", &file, &why), HOST_ABSENT);
    buf_print(&file.bytes, "text");
    file.mode = 0604;
    file.user = getuid();
    file.group = getgid();
    assert_int_equal(host_write(&host, "/etc/file", &file, &why), 0);
    assert_int_equal(stat(in_folder("/real/file"), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0604);
    assert_int_equal(host_read(&host, "/etc/file", &file, &why), HOST_THERE);
    assert_int_equal(file.bytes.length, 4);
    assert_int_equal(file.mode, 0604);
    assert_int_equal(symlink("file", in_folder("/real/link")), 0);
    assert_true(host_read(&host, "/etc/link", &file, &why) < 0);
    assert_true(host_write(&host, "/etc/link", &file, &why) < 0);
    assert_non_null(strstr(why.text, "is a link"));
    assert_true(host_read(&host, "/real", &file, &why) < 0);
    assert_non_null(strstr(why.text, "no regular file"));
    assert_true(host_read(&host, "etc/file", &file, &why) < 0);
    assert_int_equal(host_remove(&host, "/etc/file", &why), 0);
    assert_int_equal(host_remove(&host, "/etc/file", &why), 0);
    assert_int_equal(host_make_folder(&host, "/etc/a/b", &why), 1);
    assert_int_equal(host_make_folder(&host, "/etc/a/b", &why), 0);
    host_close(&host);
    assert_int_equal(tree_remove(AT_FDCWD, folder, &why), 0);
}

static int run(const char *script, int seconds, struct host_words *words, struct fault *why)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct host host;
    int done;

    assert_int_equal(host_open("/", &host, why), 0);
    done = host_run(&host, argv, seconds, words, why);
    host_close(&host);
    return done;
}

static void a_programs_words_are_kept_apart(void **state)
{
    AUTO(host_words_fini) struct host_words words = HOST_WORDS;
    struct fault why = {0};

    (void)state;
    assert_int_equal(run("echo out; echo one >&2; echo two >&2; exit 3", 20, &words, &why), 3);
    assert_int_equal(words.out.length, 4);
    assert_true(text_is(host_words_last(&words), "two"));
    assert_int_equal(run("echo out", 20, &words, &why), 0);
    assert_true(text_is(host_words_last(&words), "out"));
    assert_int_equal(run("true", 20, &words, &why), 0);
    assert_int_equal(host_words_last(&words).length, 0);
}

static void a_program_that_does_not_end_is_ended(void **state)
{
    AUTO(host_words_fini) struct host_words words = HOST_WORDS;
    struct fault why = {0};
    uint64_t before = clock_now_ns();

    (void)state;
    assert_true(run("sleep 100", 1, &words, &why) < 0);
    assert_int_equal(why.kind, FAULT_TIMEOUT);
    assert_true(clock_now_ns() - before < 30 * NS_PER_S);
    assert_true(run("kill -9 $$", 20, &words, &why) < 0);
    assert_non_null(strstr(why.text, "signal 9"));
}

static void what_a_program_leaves_behind_is_not_waited_for(void **state)
{
    AUTO(host_words_fini) struct host_words words = HOST_WORDS;
    struct fault why = {0};
    uint64_t before = clock_now_ns();

    (void)state;
    assert_int_equal(run("sleep 5 & echo started", 20, &words, &why), 0);
    assert_true(clock_now_ns() - before < 4 * NS_PER_S);
    assert_true(text_is(host_words_last(&words), "started"));
}

static void more_than_is_kept_is_let_through(void **state)
{
    AUTO(host_words_fini) struct host_words words = HOST_WORDS;
    struct fault why = {0};

    (void)state;
    assert_int_equal(run("head -c 6000000 /dev/zero", 60, &words, &why), 0);
    assert_int_equal(words.out.length, HOST_OUT_MAX);
}

static void a_program_that_is_not_there_is_named(void **state)
{
    const char *const argv[] = {"no-such-program", NULL};
    AUTO(host_words_fini) struct host_words words = HOST_WORDS;
    struct fault why = {0};
    struct host host;

    (void)state;
    assert_int_equal(host_open("/", &host, &why), 0);
    assert_true(host_run(&host, argv, 5, &words, &why) < 0);
    assert_non_null(strstr(why.text, "no-such-program"));
    host_close(&host);
    assert_true(host_open("relative", &host, &why) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_below_the_root),
        cmocka_unit_test(a_programs_words_are_kept_apart),
        cmocka_unit_test(a_program_that_does_not_end_is_ended),
        cmocka_unit_test(what_a_program_leaves_behind_is_not_waited_for),
        cmocka_unit_test(more_than_is_kept_is_let_through),
        cmocka_unit_test(a_program_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
