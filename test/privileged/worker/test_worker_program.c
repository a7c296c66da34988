/* SPDX-License-Identifier: Apache-2.0 */
/* The real skep-worker, started as a supervisor starts it and looked at from outside. */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/process.h"
#include "runtime/stats/page.h"
#include "runtime/stats/switchboard.h"
#include "runtime/wire/message.h"

enum { PATIENCE_MS = 30000 };

struct program {
    int pid;
    int socket;
    struct stats_page *page;
    struct switchboard *board;
    int listener; /* of its socket(2), after READY; -1: none */
};

static void program_begin(struct program *program, bool keep_user)
{
    const char *const argv[] = {"skep-worker", "the-domain", keep_user ? "--keep-user" : NULL,
                                NULL};
    struct process_plan plan = {.argv = argv, .in = -1, .out = -1, .err = 2, .fds_count = 1};
    const char *build = getenv("SKEP_BUILD");
    struct fault why = {0};
    char path[4096];
    int pair[2];

    assert_non_null(build);
    (void)snprintf(path, sizeof(path), "%s/bin/skep-worker", build);
    assert_int_equal(fd_pair(pair), 0);
    assert_int_equal(stats_page_new(&program->page, &why), 0);
    assert_int_equal(switchboard_new(&program->board, &why), 0);
    program->listener = -1;
    plan.path = path;
    plan.fds = &pair[1];
    if (process_start(&plan, &program->pid, &why) < 0) {
        fail_msg("%s", why.text);
    }
    (void)fd_close(pair[1]);
    program->socket = pair[0];
}

static void tell(const struct program *program, const struct message *message, const int *fds)
{
    AUTO(buf_fini) struct buf bytes = BUF(MESSAGE_BYTES_MAX);

    message_encode(message, &bytes);
    assert_int_equal(fd_send(program->socket, bytes.data, bytes.length, fds, message_fds(message)),
                     0);
}

/* The next message that is no LOG; a worker that says nothing or leaves is a failure. */
static void hear(struct program *program, struct message *ret)
{
    do {
        struct pollfd ready = {.fd = program->socket, .events = POLLIN};
        struct fault why = {0};
        char bytes[MESSAGE_BYTES_MAX];
        int fds[1] = {-1};
        size_t count = ARRAY_SIZE(fds);
        int got;

        assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
        got = fd_receive(program->socket, bytes, sizeof(bytes), fds, &count);
        assert_true(got > 0);
        if (message_decode((struct text){bytes, (size_t)got}, count, MESSAGE_UP, ret, &why) < 0) {
            fail_msg("%s", why.text);
        }
        if (count > 0) {
            program->listener = fds[0];
        }
        if (ret->kind == MESSAGE_LOG) {
            print_message("worker: %s\n", ret->log.text);
        }
    } while (ret->kind == MESSAGE_LOG);
}

/* Closes the socket; the worker must end by itself. Return: its status. */
static int program_end(struct program *program)
{
    int status = 0;

    program->socket = fd_close(program->socket);
    assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
    (void)stats_page_free(program->page);
    (void)switchboard_free(program->board);
    (void)fd_close(program->listener);
    return status;
}

static void greet(struct program *program, struct message *ret)
{
    struct message hello = {.kind = MESSAGE_HELLO,
                            .hello = {.version = MESSAGE_VERSION, .threads = 2, .instances = 100}};

    const int fds[] = {stats_page_memory(program->page), switchboard_memory(program->board)};

    tell(program, &hello, fds);
    hear(program, ret);
    assert_int_equal(ret->kind, MESSAGE_READY);
}

/* Does /proc/PID/status have this line? */
static bool status_has(int pid, const char *wanted)
{
    char path[64];
    char line[256];
    bool found = false;
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        found = found || strcmp(line, wanted) == 0;
    }
    (void)fclose(file);
    return found;
}

static ino_t network_of(int pid)
{
    struct stat about = {0};
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
    assert_int_equal(stat(path, &about), 0);
    return about.st_ino;
}

static void a_ready_worker_stands_within_all_its_walls(void **state)
{
    struct program program;
    struct message ready;

    (void)state;
    program_begin(&program, false);
    greet(&program, &ready);
    assert_true(ready.ready.instances > 0);
    print_message("walls: %s\n", ready.ready.walls);
    assert_int_equal(ready.ready.complete, 1);
    assert_int_equal(ready.ready.sockets, 1);
    assert_non_null(strstr(ready.ready.walls, "sockets by notification"));
    assert_true(status_has(program.pid, "Uid:\t64201\t64201\t64201\t64201"));
    assert_true(status_has(program.pid, "Gid:\t64201\t64201\t64201\t64201"));
    assert_true(status_has(program.pid, "CapEff:\t0000000000000000"));
    assert_true(status_has(program.pid, "CapBnd:\t0000000000000000"));
    assert_true(status_has(program.pid, "NoNewPrivs:\t1"));
    assert_true(status_has(program.pid, "Seccomp:\t2"));
    assert_true(network_of(program.pid) != network_of(getpid()));
    assert_int_equal(program_end(&program), 0);
}

/* How many lines the file /proc/@pid/@name has, and the last of them. */
static int lines_of(int pid, const char *name, char ret_last[256])
{
    char path[64];
    FILE *lines = NULL;
    int count = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    lines = fopen(path, "re");
    assert_non_null(lines);
    while (fgets(ret_last, 256, lines)) {
        count++;
    }
    (void)fclose(lines);
    return count;
}

static void its_root_holds_nothing_and_nobody_is_left_beside_it(void **state)
{
    struct program program;
    struct message ready;
    char path[64];
    char line[256] = "";
    struct dirent *entry = NULL;
    DIR *root = NULL;

    (void)state;
    program_begin(&program, false);
    greet(&program, &ready);
    assert_int_equal(lines_of(program.pid, "mounts", line), 2); /* its root, and what covers it */
    assert_non_null(strstr(line, "cover / tmpfs ro,nosuid,nodev,noexec"));
    (void)snprintf(path, sizeof(path), "/proc/%d/root/", program.pid);
    root = opendir(path);
    assert_non_null(root);
    while ((entry = readdir(root)) != NULL) {
        assert_true(strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    }
    (void)closedir(root);
    (void)snprintf(path, sizeof(path), "task/%d/children", program.pid);
    assert_int_equal(lines_of(program.pid, path, line), 0);
    assert_int_equal(program_end(&program), 0);
}

static void every_thread_of_it_is_filtered(void **state)
{
    struct program program;
    struct message ready;
    char path[64];
    int filtered = 0;
    FILE *lines = NULL;
    char line[256];

    (void)state;
    program_begin(&program, false);
    greet(&program, &ready);
    for (int tid = program.pid; tid < program.pid + 64; tid++) {
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/status", program.pid, tid);
        lines = fopen(path, "re");
        while (lines && fgets(line, sizeof(line), lines)) {
            if (strncmp(line, "Seccomp:", 8) == 0) {
                assert_string_equal(line, "Seccomp:\t2\n");
                filtered++;
            }
        }
        if (lines) {
            (void)fclose(lines);
        }
    }
    assert_true(filtered >= 3);
    assert_int_equal(program_end(&program), 0);
}

static void people_see_its_domain(void **state)
{
    AUTO(buf_fini) struct buf words = BUF(4096);
    struct program program;
    struct message ready;
    struct fault why = {0};
    char path[64];

    (void)state;
    program_begin(&program, true);
    greet(&program, &ready);
    assert_int_equal(ready.ready.complete, 0);
    assert_non_null(strstr(ready.ready.walls, "missing: mounts of its own, a user of its own"));
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", program.pid);
    assert_int_equal(fs_read_small(AT_FDCWD, path, &words, &why), 0);
    assert_memory_equal(words.data, "skep-worker\0the-domain\0", 23);
    assert_int_equal(program_end(&program), 0);
}

static void what_is_not_compiled_by_us_is_refused(void **state)
{
    AUTO(fd_close) int garbage = fs_memory("garbage", "\x7f" "ELF garbage", 12);
    struct message load = {.kind = MESSAGE_LOAD, .load = {.component = 1}};
    struct program program;
    struct message message;

    (void)state;
    program_begin(&program, false);
    greet(&program, &message);
    tell(&program, &load, &garbage);
    hear(&program, &message);
    assert_int_equal(message.kind, MESSAGE_LOADED);
    assert_int_equal(message.loaded.ok, 0);
    assert_true(message.loaded.text[0] != '\0');
    print_message("refused: %s\n", message.loaded.text);
    assert_int_equal(program_end(&program), 0);
}

static void a_supervisor_that_leaves_early_ends_it_too(void **state)
{
    struct program program;

    (void)state;
    program_begin(&program, false);
    assert_int_equal(program_end(&program), 0);
}

static void a_supervisor_that_talks_nonsense_ends_it_with_status_1(void **state)
{
    struct program program;
    int status = 0;

    (void)state;
    program_begin(&program, false);
    assert_int_equal(fd_send(program.socket, "nonsense", 8, NULL, 0), 0);
    assert_int_equal(waitpid(program.pid, &status, 0), program.pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    (void)fd_close(program.socket);
    (void)stats_page_free(program.page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ready_worker_stands_within_all_its_walls),
        cmocka_unit_test(its_root_holds_nothing_and_nobody_is_left_beside_it),
        cmocka_unit_test(every_thread_of_it_is_filtered),
        cmocka_unit_test(people_see_its_domain),
        cmocka_unit_test(what_is_not_compiled_by_us_is_refused),
        cmocka_unit_test(a_supervisor_that_leaves_early_ends_it_too),
        cmocka_unit_test(a_supervisor_that_talks_nonsense_ends_it_with_status_1),
    };

    if (geteuid() != 0) {
        (void)fprintf(stderr, "skipped: not root\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
