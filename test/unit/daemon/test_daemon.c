/* SPDX-License-Identifier: Apache-2.0 */
/* Options, the log file, and when the daemon ends. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/loop.h"
#include "shim/control.h"
#include "shim/daemon/life.h"
#include "shim/daemon/logfile.h"
#include "shim/daemon/options.h"
#include "turn.h"

struct place {
    struct loop *loop;
    char folder[32];
    bool needed;
    bool ended;
    bool looked;
};

static int place_open(void **state)
{
    struct place *place = NEW(struct place);
    struct fault why = {0};

    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/skep-daemon-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    assert_int_equal(loop_new(&place->loop, &why), 0);
    *state = place;
    return 0;
}

static int place_close(void **state)
{
    static const char *const names[] = {CONTROL_LOG, CONTROL_LOG ".1", CONTROL_LOCK};
    struct place *place = *state;
    char path[64];

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", place->folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(place->folder);
    (void)loop_free(place->loop);
    free(place);
    return 0;
}

static int read_words(struct options *options, struct fault *why, const char *const *words)
{
    char *argv[16];
    int argc = 0;

    while (words[argc]) {
        argv[argc] = (char *)(uintptr_t)words[argc];
        argc++;
    }
    return options_read(argc, argv, options, why);
}

static void options_are_read_and_checked(void **state)
{
    static const char *const good[] = {"skepd", "--state", "/run/skep/x", "--address", "/g",
                                       "--ttrpc", "/t", "--debug", NULL};
    static const char *const version[] = {"skepd", "--version", NULL};
    static const char *const bad[][6] = {
        {"skepd", NULL},
        {"skepd", "--state", "relative", "--address", "/g", NULL},
        {"skepd", "--state", "/s", "--address", "g", NULL},
        {"skepd", "--state", "/s", "--address", NULL},
        {"skepd", "--what", "/s", NULL},
    };
    struct options options;
    struct fault why = {0};

    (void)state;
    assert_int_equal(read_words(&options, &why, good), 0);
    assert_string_equal(options.state, "/run/skep/x");
    assert_string_equal(options.address, "/g");
    assert_string_equal(options.ttrpc, "/t");
    assert_string_equal(options.cache, "/var/lib/skep/cache");
    assert_int_equal(options.idle_seconds, LIFE_IDLE_SECONDS);
    assert_true(options.debug);
    assert_int_equal(read_words(&options, &why, version), OPTIONS_VERSION);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_true(read_words(&options, &why, bad[i]) < 0);
        assert_int_equal(why.kind, FAULT_INVALID);
    }
}

static void the_environment_moves_cache_and_idle_time(void **state)
{
    static const char *const good[] = {"skepd", "--state", "/s", "--address", "/g", NULL};
    struct options options;
    struct fault why = {0};

    (void)state;
    assert_int_equal(setenv("SKEP_CACHE_DIR", "/c", 1), 0);
    assert_int_equal(setenv("SKEP_IDLE_SECONDS", "7", 1), 0);
    assert_int_equal(read_words(&options, &why, good), 0);
    assert_string_equal(options.cache, "/c");
    assert_int_equal(options.idle_seconds, 7);
    assert_int_equal(setenv("SKEP_IDLE_SECONDS", "soon", 1), 0);
    assert_true(read_words(&options, &why, good) < 0);
    (void)unsetenv("SKEP_IDLE_SECONDS");
    (void)unsetenv("SKEP_CACHE_DIR");
}

static bool is_needed(void *owner)
{
    struct place *place = owner;

    place->looked = true;
    return place->needed;
}

static void ending(void *owner)
{
    struct place *place = owner;

    place->ended = true;
}

static own struct life *life_of(struct place *place, uint64_t idle_ns)
{
    const struct life_plan plan = {place->loop, place->folder, idle_ns, is_needed, ending, place};

    return life_new(&plan);
}

static void what_is_idle_long_enough_ends_and_keeps_the_lock(void **state)
{
    struct place *place = *state;
    struct life *life = life_of(place, 20 * NS_PER_MS);
    char path[64];
    int lock;

    loop_run(place->loop); /* stopped by the life itself */
    assert_true(place->ended);
    (void)snprintf(path, sizeof(path), "%s/" CONTROL_LOCK, place->folder);
    lock = open(path, O_RDWR | O_CLOEXEC);
    assert_true(flock(lock, LOCK_EX | LOCK_NB) < 0);
    (void)life_free(life);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    (void)close(lock);
}

static void what_is_needed_lives(void **state)
{
    struct place *place = *state;
    struct life *life = NULL;

    place->needed = true;
    life = life_of(place, 0);
    for (int i = 0; i < 5; i++) {
        place->looked = false;
        turn_until_true(place->loop, &place->looked, "a look");
    }
    assert_false(place->ended);
    (void)life_free(life);
}

static void a_launcher_that_holds_the_lock_is_waited_for(void **state)
{
    struct place *place = *state;
    struct life *life = NULL;
    char path[64];
    int lock;

    (void)snprintf(path, sizeof(path), "%s/" CONTROL_LOCK, place->folder);
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    life = life_of(place, 0);
    turn_until_true(place->loop, &place->looked, "a look");
    assert_false(place->ended);
    (void)close(lock);
    turn_until_true(place->loop, &place->ended, "the end");
    (void)life_free(life);
}

static void one_whose_folder_has_gone_ends_all_the_same(void **state)
{
    struct place *place = *state;
    struct life *life = NULL;

    assert_int_equal(rmdir(place->folder), 0);
    life = life_of(place, 0);
    turn_until_true(place->loop, &place->ended, "the end");
    (void)life_free(life);
    assert_int_equal(mkdir(place->folder, 0700), 0); /* for the test's own end */
}

static void sigterm_ends_what_nobody_needs_and_waits_for_the_rest(void **state)
{
    struct place *place = *state;
    struct life *life = life_of(place, 3600 * NS_PER_S);

    place->needed = true;
    assert_int_equal(raise(SIGTERM), 0);
    turn_until_true(place->loop, &place->looked, "the signal");
    assert_false(place->ended);
    place->needed = false;
    turn_until_true(place->loop, &place->ended, "the end");
    (void)life_free(life);
}

static void a_log_that_is_full_is_turned_over(void **state)
{
    struct place *place = *state;
    struct logfile *logfile = NULL;
    struct fault why = {0};
    struct stat status;
    char path[64];
    int errors = dup(STDERR_FILENO);

    assert_int_equal(logfile_open(place->loop, place->folder, false, &logfile, &why), 0);
    (void)snprintf(path, sizeof(path), "%s/" CONTROL_LOG, place->folder);
    log_info("before", "%s", "");
    logfile_look(logfile);
    assert_int_equal(truncate(path, LOGFILE_BYTES_MAX + 1), 0);
    logfile_look(logfile);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    log_info("after", "%s", "");
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size > 0);
    (void)snprintf(path, sizeof(path), "%s/" CONTROL_LOG ".1", place->folder);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, LOGFILE_BYTES_MAX + 1);
    (void)logfile_close(logfile);
    (void)dup2(errors, STDERR_FILENO);
    (void)close(errors);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_open, place_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(options_are_read_and_checked),
        TEST(the_environment_moves_cache_and_idle_time),
        TEST(what_is_idle_long_enough_ends_and_keeps_the_lock),
        TEST(what_is_needed_lives),
        TEST(a_launcher_that_holds_the_lock_is_waited_for),
        TEST(one_whose_folder_has_gone_ends_all_the_same),
        TEST(sigterm_ends_what_nobody_needs_and_waits_for_the_rest),
        TEST(a_log_that_is_full_is_turned_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
