/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "track.h"

static void a_hundred_runs_of_one_component_compile_it_once(void **state)
{
    static struct track tracks[100];

    (void)state;
    memset(tracks, 0, sizeof(tracks));
    for (size_t i = 0; i < ARRAY_SIZE(tracks); i++) {
        track_new(&tracks[i], i % 2 == 0 ? "one" : "two", "command", "count", "exit 0");
    }
    for (size_t i = 0; i < ARRAY_SIZE(tracks); i++) {
        until(&tracks[i].ready);
        assert_string_equal(tracks[i].failed.text, "");
    }
    assert_int_equal(compiled("count"), 1);
    for (size_t i = 0; i < ARRAY_SIZE(tracks); i++) {
        track_free(&tracks[i]);
    }
}

static void the_cache_is_found_by_the_next_supervisor(void **state)
{
    struct track track = {0};

    (void)state;
    track_through(&track, "one", "command", "exit 0");
    track_free(&track);
    track_restart();
    track = (struct track){0};
    track_through(&track, "one", "command", "exit 3");
    assert_int_equal(track.end.code, 3);
    assert_int_equal(compiled("through"), 1);
    track_free(&track);
}

static void fifo_make(const char *name)
{
    char path[TRACK_TEXT];

    (void)snprintf(path, sizeof(path), "%s/%s.fifo", folder, name);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void fifo_release(const char *name)
{
    char path[TRACK_TEXT];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s.fifo", folder, name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fs_write_all(fd, "x", 1), 0);
    (void)close(fd);
}

/* Waits until the compiler has begun with NAME. */
static void begun(const char *name)
{
    for (int i = 0; i < 500 && compiled(name) == 0; i++) {
        turn();
    }
    assert_int_equal(compiled(name), 1);
}

/* Three that hold: two are being compiled, the third waits for a place. */
static const char *const names[] = {"s0", "s1", "s2"};

static void hold_three(struct track *slow)
{
    for (size_t i = 0; i < 3; i++) {
        fifo_make(names[i]);
        track_new(&slow[i], "one", "hold", names[i], "exit 0");
        if (i < 2) {
            begun(names[i]);
        }
    }
    turn();
    assert_int_equal(compiled("s2"), 0);
}

static void a_slow_compile_holds_nobody_up_and_only_two_run_at_a_time(void **state)
{
    struct track slow[3] = {0};
    struct track quick = {0};
    struct track cached = {0};

    (void)state;
    track_through(&cached, "one", "command", "exit 0");
    hold_three(slow);
    track_through(&quick, "one", "command", "exit 9"); /* what is in the cache is ready at once */
    assert_int_equal(quick.end.code, 9);
    fifo_release("s0");
    until(&slow[0].ready);
    begun("s2");
    fifo_release("s1");
    fifo_release("s2");
    until(&slow[1].ready);
    until(&slow[2].ready);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(slow[i].failed.text, "");
        track_free(&slow[i]);
    }
    track_free(&quick);
    track_free(&cached);
}

static void who_gives_up_waiting_leaves_the_queue(void **state)
{
    struct track slow[3] = {0};

    (void)state;
    hold_three(slow);
    track_free(&slow[2]);
    fifo_release("s0");
    fifo_release("s1");
    until(&slow[0].ready);
    until(&slow[1].ready);
    turn();
    assert_int_equal(compiled("s2"), 0);
    track_free(&slow[0]);
    track_free(&slow[1]);
}

static void every_failure_of_the_compiler_has_its_sentence(void **state)
{
    static const struct row {
        const char *word;
        const char *text;
        enum fault_kind kind;
    } rows[] = {
        {"refuse", "it is not WebAssembly: it begins with \"refuse\"", FAULT_INVALID},
        {"abort", "the compiler ran out of memory (limit 512 MiB)", FAULT_LIMIT},
        {"crash", "the compiler crashed (signal 11, Segmentation fault)", FAULT_INTERNAL},
        {"status", "the compiler ended with status 42", FAULT_INTERNAL},
        {"silent", "the compiler refused it without saying why", FAULT_INTERNAL},
        {"nonsense", "the compiler calls a component \"teapot\"", FAULT_INTERNAL},
        {"hang", "compiling it took too long (limit 8 seconds)", FAULT_LIMIT},
    };

    (void)state;
    options.compile_memory_bytes = 512ULL << 20;
    options.compile_seconds = 1;
    track_restart();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct track track = {0};

        track_new(&track, "one", rows[i].word, NULL, "x");
        until(&track.ready);
        assert_string_equal(track.failed.text, rows[i].text);
        assert_int_equal(track.failed.kind, rows[i].kind);
        track_free(&track);
    }
}

static void a_refusal_is_remembered_for_a_while(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct track track = {0};

        track_new(&track, "one", "refuse", "refused", "x");
        until(&track.ready);
        assert_int_equal(track.failed.kind, FAULT_INVALID);
        track_free(&track);
    }
    assert_int_equal(compiled("refused"), 1);
}

static void an_import_that_nobody_offers_is_named(void **state)
{
    struct track track = {0};

    (void)state;
    track_new(&track, "one", "unknown", NULL, "x");
    until(&track.ready);
    assert_string_equal(track.failed.text, "it imports acme:vault/store@1.0.0, which nothing here "
                                           "offers (and 1 other import)");
    track_free(&track);
}

static void a_supervisor_ends_while_the_compiler_works(void **state)
{
    struct track slow = {0};
    struct track waiting = {0};

    (void)state;
    fifo_make("s0");
    track_new(&slow, "one", "hold", "s0", "exit 0");
    begun("s0");
    track_new(&waiting, "one", "command", "w", "exit 0"); /* its lookup is on another thread */
    track_free(&slow);
    track_free(&waiting);
}

static void programs_that_are_missing_are_named(void **state)
{
    struct supervisor *other = NULL;
    struct supervisor_options missing = options;

    (void)state;
    missing.compiler = "/nowhere/skep-compiler";
    assert_true(supervisor_new(loop, &missing, &other, &why) < 0);
    assert_string_equal(why.text, "/nowhere/skep-compiler is no program");
    missing.compiler = NULL;
    missing.worker = NULL;
    assert_true(supervisor_new(loop, &missing, &other, &why) < 0);
    assert_int_equal(why.kind, FAULT_NOT_FOUND);
    assert_null(other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, track_set_up, track_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_hundred_runs_of_one_component_compile_it_once),
        CASE(the_cache_is_found_by_the_next_supervisor),
        CASE(a_slow_compile_holds_nobody_up_and_only_two_run_at_a_time),
        CASE(who_gives_up_waiting_leaves_the_queue),
        CASE(every_failure_of_the_compiler_has_its_sentence),
        CASE(a_refusal_is_remembered_for_a_while),
        CASE(an_import_that_nobody_offers_is_named),
        CASE(a_supervisor_ends_while_the_compiler_works),
        CASE(programs_that_are_missing_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
